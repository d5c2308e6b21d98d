"""A plan for people: tables of what is needed, what there is, what breaks first and what it costs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(report: dict[str, Any], console: Console) -> None:
    """Print `report`; nothing is cut where the console is wide enough, and lines wrap where it is not."""
    console.print(f"[bold]{report['stack']}[/bold] as declared, with the catalogue on {report['as_of']}\n")
    _traffic(report["traffic"], console)
    _database(report["database"], console)
    _limits(report, console)
    _zone_loss(report["zone_loss"], console)
    _options(report, console)
    _cost(report["cost"], console)
    _lines("Does not carry its traffic", report["faults"], "red", console)
    _lines("Notes on the figures", report["notes"], "yellow", console)


def number(value: float | None) -> str:
    """Three significant digits below a hundred, whole above; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _table(title: str, *columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", overflow="fold")
    return table


def _traffic(rows: list[dict[str, Any]], console: Console) -> None:
    table = _table("Traffic", "what", "unit", "average", "peak", "burst of writes", right=(2, 3, 4))
    for row in rows:
        table.add_row(
            row["what"], row["unit"], number(row["average"]), number(row["peak"]), number(row["burst"])
        )
    console.print(table)
    console.print()


def _database(d: dict[str, Any], console: Console) -> None:
    table = _table("Database", "what", "figure")
    table.add_row("members", f"{d['members']} x {d['instance_type']}")
    for volume in d["volumes"]:
        table.add_row(f"volume {volume['name']}", _volume(volume))
    days = d["days_until_full"]
    until = "never full" if days is None else f"full in {number(days)} days"
    table.add_row("data", f"{number(d['data_gb'])} GB of {number(d['usable_gb'])} GB that may be filled")
    table.add_row("growth", f"{d['growth_gb_day']:.3g} GB a day; {until}")
    table.add_row(
        "WAL", f"{number(d['wal_gb_day'])} GB a day; max_wal_size {d['max_wal_size_gib']} GiB in a burst"
    )
    table.add_row(
        "cache",
        f"{number(d['cache_gb'])} GB, hot set {number(d['hot_gb'])} GB: {d['hot_share_in_cache']:.0%} fits",
    )
    table.add_row(
        "a member again", f"{d['copy_h']:.2f} h to copy, {d['catch_up_h'] * 60:.1f} min to catch up"
    )
    if d["second_loss_meanwhile"] is not None:
        table.add_row(
            "", f"chance of a second loss meanwhile {d['second_loss_meanwhile']:.1e}, hosts independent"
        )
    busy = "no time" if d["pool_exhausted_s"] is None else f"{d['pool_exhausted_s'] * 1000:.0f} ms"
    table.add_row(
        f"device stalls {d['stall_s']:g} s",
        f"{d['pool']} connections busy after {busy}, {number(d['queue_after_stall'])} statements queued, "
        f"{d['drain_s']:.2f} s to drain",
    )
    table.add_row("a dead minute at peak", f"{d['dead_minute_budget_days']:.1f} days of the error budget")
    console.print(table)
    console.print()


def _volume(v: dict[str, Any]) -> str:
    carries = f"; carries {', '.join(v['carries'])}" if v["carries"] else "; empty"
    if "gb" not in v:
        return f"{v['class']}, {_ebs(v)}{carries}"

    def drive(which: str) -> str:
        measured = v[f"measured_{which}_iops"]
        text = f"measured {measured:,}" if measured is not None else "not measured"
        return (
            f"{v[f'published_{which}_iops']:,} published, {text}, {v[f'planned_{which}_iops']:,.0f} planned"
        )

    return (
        f"{v['class']}, {v['gb']:,} GB{carries}\nwrite IOPS: {drive('write')}\nread IOPS: {drive('read')}\n"
        f"from {v['origin']}; 4 KiB, random, full queue"
    )


def _ebs(v: dict[str, Any]) -> str:
    throughput = f", {v['throughput_mib_s']:,} MiB/s" if v["throughput_mib_s"] else ""
    return f"{v['size_gib']:,} GiB, {v['iops']:,} IOPS{throughput}"


def _limits(report: dict[str, Any], console: Console) -> None:
    table = _table(
        "What it carries, and at which multiple of today's traffic it breaks",
        *("what", "need", "have", "unit", "breaks at", "set by"),
        right=(1, 2, 4),
    )
    for limit in sorted(report["limits"], key=lambda limit: limit["breaks_at"] or float("inf")):
        at = "never" if limit["breaks_at"] is None else f"{limit['breaks_at']:,.2f}x"
        table.add_row(
            limit["what"],
            number(limit["need"]),
            number(limit["have"]),
            limit["unit"],
            Text(at, style="" if limit["carries"] else "bold red"),
            limit["key"],
        )
    console.print(table)
    first = report["breaks_first"]
    if first["breaks_at"] is not None:
        console.print(
            f"First: {first['what']}, at {first['breaks_at']:.2f} times today's traffic ({first['basis']})"
        )
    console.print()


def _zone_loss(z: dict[str, Any], console: Console) -> None:
    console.print("[bold]One zone lost[/bold]")
    console.print(
        f"{z['web_left']} of {z['web']} web hosts, {z['members_left']} of {z['members']} members and "
        f"{z['control_left']} of {z['control']} control hosts stay, in the worst case."
    )
    if z["planned_for"]:
        writes = "go on" if z["writes_go_on"] else "STOP"
        etcd = "keeps" if z["etcd_majority"] else "LOSES"
        peak = "carries" if z["carries_peak"] else "does NOT carry"
        console.print(f"Writes {writes}, etcd {etcd} its majority, and what stays {peak} the peak.")
    else:
        console.print("It is not planned for: durability.synchronous_mode is asynchronous.")
    console.print()


def _options(report: dict[str, Any], console: Console) -> None:
    table = _table("The same load on each class of storage", "", *(_heading(o) for o in report["options"]))
    rows = (
        ("instances", lambda o: f"{o['members']} x {o['instance_type']}"),
        ("volume a member", lambda o: _ebs(o) if o["size_gib"] else "its own drives"),
        ("USD a month", lambda o: number(o["usd_month"])),
        ("breaks first", lambda o: o["breaks_first"]["what"]),
        ("at", lambda o: _multiple(o["breaks_first"]["breaks_at"])),
        (
            "days of growth",
            lambda o: "no end" if o["days_of_growth"] is None else number(o["days_of_growth"]),
        ),
        ("durable write, p99 measured", lambda o: _micro(o["durable_write_p99_us"])),
        ("designed for", lambda o: "-" if o["designed_ms"] is None else f"{o['designed_ms']:g} ms"),
        ("WAL flushes/s, one by one", lambda o: number(o["wal_flushes_per_s"])),
        ("commits a flush carries in a burst", lambda o: number(o["commits_per_flush_in_burst"])),
        ("a stop of the host", lambda o: "erases it" if o["class"] == "instance-store" else "keeps it"),
    )
    for what, of in rows:
        table.add_row(what, *(of(o) if o["instance_type"] else "-" for o in report["options"]))
    table.add_row(
        "verdict", *("carries it" if o["carries"] else "; ".join(o["lacks"]) for o in report["options"])
    )
    console.print(table)
    console.print(f"[bold]Take {report['takes'] or 'none'}[/bold]: {report['why']}")
    console.print()


def _heading(option: dict[str, Any]) -> str:
    return f"{option['class']} ({'declared' if option['declared'] else 'sized for it'})"


def _multiple(value: float | None) -> str:
    return "never" if value is None else f"{value:,.2f}x"


def _micro(value: float | None) -> str:
    return "not measured" if value is None else f"{value / 1000:.3f} ms"


def _cost(cost: dict[str, Any], console: Console) -> None:
    table = _table("Cost a month, on demand", "item", "USD", "of what", right=(1,))
    for item in cost["items"]:
        table.add_row(item["what"], f"{item['usd_month']:,.0f}", item["basis"])
    table.add_row(Text("in all", style="bold"), Text(f"{cost['usd_month']:,.0f}", style="bold"), "")
    console.print(table)
    console.print(f"USD {cost['usd_per_million_calls']:.2f} for a million calls.")
    console.print(f"Not counted: {'; '.join(cost['not_counted'])}.")
    console.print()


def _lines(title: str, lines: list[str], style: str, console: Console) -> None:
    if not lines:
        return
    console.print(Text(title, style=f"bold {style}"))
    for line in lines:
        console.print(f"- {line}", highlight=False, markup=False)
    console.print()
