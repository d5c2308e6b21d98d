"""A status for people: facts first, then why it is not healthy."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.status.facts import Etcd, Status

STYLES = {"healthy": "green", "degraded": "red", "unknown": "red"}
UNKNOWN = "unknown"


def show(status: Status, console: Console) -> None:
    """Print it, the members in 80 columns. Nothing that a host has said is read as markup."""
    _line(console, ("", "stack "), ("bold", status.stack), ("", ": "), (STYLES[status.health], status.health))
    _line(console, ("", f"asked {status.asked}, in {status.seconds:.1f} s"))
    console.print()
    _show_cluster(status, console)
    _show_members(status, console)
    _show_etcd(status.etcd, console)
    _show_web(status, console)
    _show_probes(status, console)
    _show_certificates(status, console)
    _show_hosts(status, console)
    _show_reasons(status, console)


def _line(console: Console, *parts: tuple[str, str]) -> None:
    text = Text()
    for style, part in parts:
        text.append(part, style=style)
    console.print(text, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _row(table: Table, *cells: str | Text) -> None:
    """Rich reads a plain string as markup."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _or_unknown(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _procedures(status: Status) -> list[tuple[str, str]]:
    return [("bold", f"{one.name}, {one.holder}, since {one.since}") for one in status.procedures or ()]


def _show_cluster(status: Status, console: Console) -> None:
    cluster = status.cluster
    leader = cluster.leader or ("no member" if cluster.source == "etcd" else UNKNOWN)
    by = {"etcd": " (by etcd)", "members": " (by the members; etcd was not read)", None: ""}[cluster.source]
    strict = {True: ", strict", False: ", not strict", None: ""}[cluster.synchronous_mode_strict]
    maintenance = {True: "on: Patroni decides nothing", False: "off", None: UNKNOWN}[cluster.paused]
    _line(console, ("", "leader       "), ("bold", leader), ("", by))
    _line(console, ("", f"synchronous  {_or_unknown(cluster.synchronous_mode)}{strict}"))
    _line(console, ("", "maintenance  "), ("red" if cluster.paused else "", maintenance))
    for one in status.maintenance or ():
        _line(console, ("", f"             {one.owner}, until {one.ends}: {one.reason}"))
    none = UNKNOWN if status.procedures is None else "none"
    _line(console, ("", f"procedure    {none if not status.procedures else ''}"), *_procedures(status))
    timers = ("ttl", "loop_wait", "retry_timeout")
    shown = ", ".join(f"{name} {_seconds(getattr(cluster, name))}" for name in timers)
    _line(console, ("", f"timers       {shown}"))
    _line(console, ("", f"takeover     {_takeover(status)}"))
    if status.takeover is not None and status.takeover.last:
        _line(console, ("", f"             last {status.takeover.last}"))
    if cluster.scheduled_switchover:
        _line(console, ("", f"switchover   {cluster.scheduled_switchover}"))


def _takeover(status: Status) -> str:
    found = status.takeover
    if found is None:
        return UNKNOWN
    if not found.declared:
        return "not declared"
    if found.off:
        return f"switched off by {found.off}"
    return "hindered" if found.hindered or found.silent else "ready"


def _seconds(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value} s"


def _show_members(status: Status, console: Console) -> None:
    console.print()
    table = _table("member", "role", "state", "timeline", "lag", "replayed", "synchronous", "restart")
    for one in status.members:
        if not one.answers:
            continue
        leads = one.role in ("leader", "primary", "standby_leader")
        _row(
            table,
            one.name,
            one.role or UNKNOWN,
            _or_unknown(one.state),
            _or_unknown(one.timeline),
            "" if leads else _bytes(one.lag_bytes),
            "" if leads else _bytes(one.replay_lag_bytes),
            "" if leads else one.synchronous or "no",
            "" if one.pending_restart is None else "waits",
        )
    if table.rows:
        console.print(table)
    for one in status.members:
        if not one.answers:
            known = f"; etcd has it as {one.role}, {one.state}" if one.role else ""
            _line(console, ("", f"{one.name}  "), ("red", f"does not answer: {one.why}{known}"))


def _bytes(value: int | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value} B" if value < 1 << 20 else f"{value / (1 << 20):.1f} MiB"


def _show_etcd(etcd: Etcd, console: Console) -> None:
    console.print()
    table = _table("etcd", "health", "role", "version", "")
    health = {True: Text("healthy"), False: Text("not healthy", style="red"), None: Text(UNKNOWN)}
    for one in etcd.members:
        role = "leader" if one.leads else "learner" if one.learner else "follower" if one.answers else ""
        _row(table, one.name, health[one.healthy], role, one.version or "", one.why)
    console.print(table)
    quorum = {True: ("", "yes"), False: ("red", "no"), None: ("red", UNKNOWN)}[etcd.quorum]
    _line(console, ("", "quorum: "), quorum)


def _show_web(status: Status, console: Console) -> None:
    console.print()
    if status.holds is None:
        _line(console, ("", "holds and followers: unknown, etcd's keys were not read"))
        return
    _line(console, ("", f"holds: {'none' if not status.holds else len(status.holds)}"))
    for hold in status.holds:
        left = UNKNOWN if hold.seconds_left is None else f"{hold.seconds_left:.1f} s left"
        _line(console, ("", f"  {hold.owner}: {hold.reason} ({left})"))
    followers = status.followers or ()
    _line(console, ("", f"followers: {'none publishes' if not followers else len(followers)}"))
    for one in followers:
        since = "" if one.seconds is None else f" for {one.seconds:.0f} s"
        holds = f", holds of {', '.join(one.holds)}" if one.holds else ""
        _line(console, ("", f"  {one.host}: {one.state}{since}, leader {one.leader or 'none'}{holds}"))


def _show_probes(status: Status, console: Console) -> None:
    if status.probes is None:
        return
    _line(console, ("", f"probes: {'none publishes' if not status.probes else len(status.probes)}"))
    for one in status.probes:
        parts = ", ".join(
            f"{part.part}{f' ({part.volume})' if part.volume else ''} {part.state}"
            f"{'' if part.seconds is None else f' {part.seconds * 1000:.1f} ms'}"
            for part in one.parts
        )
        _line(
            console,
            ("", f"  {one.host}: "),
            ("red" if one.verdict == "stuck" else "", one.verdict),
            ("", f", {parts}"),
        )


def _show_certificates(status: Status, console: Console) -> None:
    for kind, label in (("host", "certificates of hosts"), ("authority", "authority")):
        found = [one for one in status.certificates if one.kind == kind]
        if not found:
            _line(console, ("", f"{label}: unknown"))
            continue
        first = found[0]
        named = f"{first.name} is the first of {len(found)}" if len(found) > 1 else first.name
        _line(console, ("", f"{label}: {first.days} days left ({named})"))


def _show_hosts(status: Status, console: Console) -> None:
    silent = [host for host in status.hosts if not host.answers]
    count = len(status.hosts)
    _line(console, ("", f"hosts: {count - len(silent)} of {count} answer"))
    for host in silent:
        _line(console, ("", f"  {host.name}  "), ("red", f"does not answer: {host.why}"))


def _show_reasons(status: Status, console: Console) -> None:
    if status.reasons:
        console.print()
        _line(console, ("", f"why it is {status.health}:" if status.exit_code == 1 else "what was tried:"))
    for reason in status.reasons:
        _line(console, ("red", f"- {reason}"))
    for note in status.notes:
        _line(console, ("yellow", f"note: {note}"))
