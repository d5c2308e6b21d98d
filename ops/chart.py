"""A plan as a picture: the traffic that each limit carries, and what each class costs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from infra.capacity.bill import tier_usd_month
from infra.capacity.options import sized
from infra.capacity.tier import needs, scaled, tier_of
from infra.environment.volumes import CLASSES
from infra.errors import FlashtierError
from ops.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png")
#: Multiples of today's traffic that the chart spans, and how many are computed.
LEAST, MOST, STEPS = 0.25, 16.0, 19


def check_path(path: Path) -> None:
    """Raise `FlashtierError` if no chart can be written there."""
    if path.suffix not in FORMATS:
        raise FlashtierError(f"{path}: a chart is written as {' or '.join(FORMATS)}; end its name so")
    if not path.parent.is_dir():
        raise FlashtierError(f"{path}: there is no directory {path.parent}; make it first")


def draw(plan: Plan, path: Path) -> None:
    """Write the chart of `plan` to `path` in the format of its suffix. Raises `FlashtierError` on failure."""
    check_path(path)
    # Takes a second, which no other command needs.
    import matplotlib
    from matplotlib.figure import Figure

    # The same plan gives the same file: no date, no random identifiers. Text stays searchable text.
    with matplotlib.rc_context({"svg.hashsalt": "flashtier", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 9), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        figure.suptitle(
            f"{plan.report['stack']}: capacity and cost against traffic ({plan.report['as_of']})", fontsize=12
        )
        _use(upper, plan)
        _cost(lower, plan)
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        try:
            figure.savefig(path, dpi=120, metadata=metadata)
        except OSError as error:
            raise FlashtierError(
                f"{path}: cannot be written ({error.strerror}); name another file"
            ) from error


def multiples() -> list[float]:
    """Evenly spaced on a logarithmic axis, including today's."""
    step = math.log(MOST / LEAST) / (STEPS - 1)
    return sorted({1.0, *(LEAST * math.exp(step * index) for index in range(STEPS))})


def _use(axes: Axes, plan: Plan) -> None:
    """One bar per limit of the declared environment, as long as the traffic that it carries."""
    shown = sorted(plan.limits, key=lambda limit: -limit.breaks_at)
    first = shown[-1]
    for row, limit in enumerate(shown):
        end = min(limit.breaks_at, MOST)
        colour = "tab:red" if not limit.carries else "tab:orange" if limit is first else "tab:blue"
        axes.barh(row, max(0.0, end - LEAST), left=LEAST, color=colour, height=0.6)
        says = "never" if math.isinf(limit.breaks_at) else f"{limit.breaks_at:,.2f}x"
        inside = end > MOST / 2
        axes.text(
            max(end, LEAST) * (0.97 if inside else 1.03),
            row,
            says,
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else "black",
        )
    axes.set_yticks(range(len(shown)), [limit.what for limit in shown])
    axes.axvline(1, color="black", lw=1, ls=":")
    axes.set_title("As declared: the traffic that each limit carries, the first to break on top", loc="left")
    axes.grid(axis="x", lw=0.3)
    axes.set_axisbelow(True)


def _cost(axes: Axes, plan: Plan) -> None:
    """The cheapest database tier of each class at each multiple; a line ends where no tier carries it."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    xs, declared = multiples(), tier_of(plan.environment)
    loads = [needs(scaled(plan.asked.traffic, x)) for x in xs]
    for storage in CLASSES["aws"]:
        tiers = [sized(storage, declared, load) for load in loads]
        option = next(option for option in plan.comparison.options if option.storage == storage)
        slow = any("durable writes" in lack for lack in option.lacks)
        axes.plot(
            xs,
            [tier_usd_month(tier) if tier else math.nan for tier in tiers],
            label=f"{storage}{', too slow a write' if slow else ''}",
            drawstyle="steps-pre",
            ls="--" if slow else "-",
            lw=1.6,
        )
    held = next(option for option in plan.comparison.options if option.declared)
    reach = held.breaks_first.breaks_at if held.breaks_first else LEAST
    if reach > LEAST:
        axes.plot(
            [LEAST, min(reach, MOST)],
            [held.usd_month, held.usd_month],
            color="black",
            lw=1,
            label=f"declared: {declared.instance.type} to {reach:.2g}x",
        )
    axes.axvline(1, color="black", lw=1, ls=":")
    calls = plan.asked.traffic.calls_per_day
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(LEAST, MOST),
        xlabel="traffic: multiples of today's calls and users, and million calls a day",
        ylabel="database tier, USD a month",
    )
    ticks = [0.25, 0.5, 1, 2, 4, 8, 16]
    axes.set_xticks(ticks, [f"{tick:g}x\n{calls * tick / 1e6:,.0f}M" for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_title("Sized for each traffic: the cheapest of each class", loc="left")
    axes.legend(loc="upper left", frameon=True)
    axes.grid(which="both", lw=0.3)
