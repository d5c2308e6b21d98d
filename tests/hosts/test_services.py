"""What runs, and what must not: no failed unit, nothing by its package's own will, nothing on a schedule."""

from __future__ import annotations

import pytest

from infra.contract import ContractHost
from tests.hosts import exact, promises
from tests.hosts.facts import Check
from tests.hosts.snapshot import Seen


def test_the_system_runs(declared: ContractHost, seen: Seen, check: Check) -> None:
    shown = seen["units"]["shown"]
    check.equal(f"{declared.name}: systemctl is-system-running", "running", seen["units"]["state"])
    check.equal(f"{declared.name}: failed units", [], seen["units"]["failed"])
    stale = sorted(name for name, unit in shown.items() if unit["NeedDaemonReload"] == "yes")
    check.equal(f"{declared.name}: units whose files changed after they were read", [], stale)


def test_declared_services_run_now_and_at_boot(declared: ContractHost, seen: Seen, check: Check) -> None:
    shown = seen["units"]["shown"]
    for name in promises.units(declared):
        unit = shown[name]
        check.equal(
            f"{declared.name}: {name}", ("loaded", "active"), (unit["LoadState"], unit["ActiveState"])
        )
        check.equal(f"{declared.name}: {name} at boot", "enabled", unit["UnitFileState"])


@pytest.mark.where(lambda host: host.volumes)
def test_mounts_come_at_boot(declared: ContractHost, seen: Seen, check: Check) -> None:
    shown = seen["units"]["shown"]
    by_place = {unit["Where"]: name for name, unit in shown.items() if unit.get("Where")}
    places = promises.mount_places(declared)
    check.equal(f"{declared.name}: places without a mount unit", [], [p for p in places if p not in by_place])
    for place in places:
        if (name := by_place.get(place)) is not None:
            check.equal(f"{declared.name}: {name} at boot", "enabled", shown[name]["UnitFileState"])


def test_nothing_else_was_started(declared: ContractHost, seen: Seen, check: Check) -> None:
    """Daemons that have no part on this host, and those that packages would start by themselves."""
    expected = set(promises.units(declared))
    for name, unit in seen["units"]["shown"].items():
        if name.startswith(promises.DAEMONS) and name not in expected:
            check.equal(f"{declared.name}: {name}", "inactive", unit["ActiveState"])
    enabled = {
        name
        for name, unit in seen["units"]["shown"].items()
        if unit["UnitFileState"] == "enabled" and name.startswith(promises.DAEMONS)
    }
    check.equal(f"{declared.name}: daemons that would start at boot", [], sorted(enabled - expected))


def test_no_other_unit_starts_runs_or_is_masked(declared: ContractHost, seen: Seen, check: Check) -> None:
    """Whole lists, so that a unit of any name shows."""
    name, files, shown = declared.name, seen["units"]["files"], seen["units"]["shown"]
    starting = {unit for unit, state in files.items() if state in ("enabled", "linked", "linked-runtime")}
    check.equal(f"{name}: units enabled beside the declared", [], sorted(starting - exact.enabled(declared)))
    check.equal(f"{name}: units not enabled", [], sorted(exact.enabled(declared) - starting))
    # A mask that a package brought lies below /usr and is one of its files.
    masked = {unit for unit, state in files.items() if state.startswith("masked")}
    own = {
        unit
        for unit in masked
        if seen["files"]["found"].get(f"/etc/systemd/system/{unit}", {}).get("target") == "/dev/null"
        or seen["files"]["found"].get(f"/run/systemd/system/{unit}", {}).get("target") == "/dev/null"
    }
    check.equal(f"{name}: masked units", sorted(exact.masked(declared)), sorted(own))
    live = {
        unit
        for unit, state in shown.items()
        if unit.endswith((".service", ".socket", ".timer", ".path"))
        and state["SubState"] in ("running", "listening", "waiting", "start", "auto-restart")
    }
    check.equal(
        f"{name}: units that run beside the declared",
        [],
        sorted(live - exact.running(declared) - exact.COME_AND_GO),
    )
    check.equal(f"{name}: units that do not run", [], sorted(exact.running(declared) - live))
    check.equal(f"{name}: programs that no unit runs", [], seen["left_behind"])
    check.equal(f"{name}: environment of all units", exact.ENVIRONMENT, seen["units"]["environment"])
    check.equal(f"{name}: users whose units run without them (linger)", [], seen["entries"]["lingering"])


def test_links_of_units_are_those_of_enabled_ones(declared: ContractHost, seen: Seen, check: Check) -> None:
    """A unit without [Install] starts at boot by a link alone, and another target by the link of its name."""
    links = {
        path: told
        for path, told in seen["files"]["found"].items()
        if path.startswith(("/etc/systemd/", "/run/systemd/")) and told["kind"] == "link"
    }
    wanted = {path for path in links if ".wants/" in path or ".requires/" in path}
    units = {path.rpartition("/")[2] for path in wanted}
    known = exact.enabled(declared) | exact.ENABLED_FOR_USERS
    check.equal(f"{declared.name}: units that a link starts", [], sorted(units - known))
    others = {path: told["target"] for path, told in links.items() if path not in wanted}
    masks = {f"/etc/systemd/system/{unit}": "/dev/null" for unit in exact.masked(declared)}
    check.equal(f"{declared.name}: other names of units, and masks", exact.ALIASES | masks, others)


def test_nothing_restarts_on_a_schedule(declared: ContractHost, seen: Seen, check: Check) -> None:
    """The story's web servers were restarted hourly. Here nothing is: no timer, no cron, no life limit."""
    shown = seen["units"]["shown"]
    triggered = {unit["Triggers"] for name, unit in shown.items() if name.endswith(".timer")}
    check.equal(
        f"{declared.name}: what timers start",
        [],
        sorted(triggered - promises.TIMED),
    )
    limited = sorted(
        name for name, unit in shown.items() if unit.get("RuntimeMaxUSec", "infinity") != "infinity"
    )
    check.equal(f"{declared.name}: units with a limited life (RuntimeMaxSec)", [], limited)
    jobs = {
        path: lines
        for path, lines in seen["schedules"].items()
        if lines and path not in promises.CRON_OF_PACKAGES
    }
    check.equal(f"{declared.name}: jobs of cron", {}, jobs)
    check.equal(f"{declared.name}: cron", "not running", "running" if cron(seen) else "not running")


def cron(seen: Seen) -> bool:
    return any(name in ("cron", "crond", "atd", "anacron") for name, _ in seen["processes"])


def test_units_are_as_installed(declared: ContractHost, seen: Seen, check: Check) -> None:
    """A drop-in or a unit in /etc that no role put there changes what a service is."""
    shown = seen["units"]["shown"]
    drop_ins = {path for unit in shown.values() for path in unit.get("DropInPaths", "").split()}
    foreign = sorted(path for path in drop_ins if not path.startswith("/usr/lib/"))
    check.equal(
        f"{declared.name}: drop-ins that no role wrote", [], sorted({*foreign} - promises.drop_ins(declared))
    )
    written = {
        name
        for name, unit in shown.items()
        if unit["FragmentPath"].startswith("/etc/systemd/system/") and unit["LoadState"] != "masked"
    }
    check.equal(
        f"{declared.name}: units that no role wrote", [], sorted(written - promises.own_units(declared))
    )
