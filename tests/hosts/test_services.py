"""What runs, and what must not: no failed unit, nothing by its package's own will, nothing on a schedule."""

from __future__ import annotations

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import exact, promises
from tests.hosts.facts import Check
from tests.hosts.image import Image
from tests.hosts.members import Away
from tests.hosts.snapshot import Snapshot


def test_the_system_runs(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    shown = snapshot["units"]["shown"]
    check.equal(f"{declared.name}: systemctl is-system-running", "running", snapshot["units"]["state"])
    check.equal(f"{declared.name}: failed units", [], snapshot["units"]["failed"])
    stale = sorted(name for name, unit in shown.items() if unit["NeedDaemonReload"] == "yes")
    check.equal(f"{declared.name}: units whose files changed after they were read", [], stale)


def test_declared_services_run_now_and_at_boot(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, away: Away, check: Check
) -> None:
    shown = snapshot["units"]["shown"]
    for name in promises.units(contract, declared, away):
        unit = shown[name]
        check.equal(
            f"{declared.name}: {name}", ("loaded", "active"), (unit["LoadState"], unit["ActiveState"])
        )
        check.equal(f"{declared.name}: {name} at boot", "enabled", unit["UnitFileState"])


@pytest.mark.where(lambda host: promises.runtime(host))
def test_what_units_make_has_its_rights(
    declared: ContractHost, snapshot: Snapshot, away: Away, check: Check
) -> None:
    """Sockets and folders below /run: whoever may write to a socket talks to the daemon behind it."""
    for path, (mode, own) in promises.runtime(declared, away).items():
        found = snapshot["paths"][path]
        rights = (found["mode"], f"{found['owner']}:{found['group']}") if found else None
        check.equal(f"{declared.name}: mode, owner and group of {path}", (mode, own), rights)
    for path in promises.runtime(declared).keys() - promises.runtime(declared, away).keys():
        check.equal(f"{declared.name}: {path} of a member that was removed", None, snapshot["paths"][path])


@pytest.mark.where(lambda host: host.volumes)
def test_mounts_come_at_boot(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    shown = snapshot["units"]["shown"]
    by_place = {unit["Where"]: name for name, unit in shown.items() if unit.get("Where")}
    places = promises.mount_places(declared)
    check.equal(f"{declared.name}: places without a mount unit", [], [p for p in places if p not in by_place])
    for place in places:
        if (name := by_place.get(place)) is not None:
            check.equal(f"{declared.name}: {name} at boot", "enabled", shown[name]["UnitFileState"])


def test_nothing_else_was_started(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, away: Away, check: Check
) -> None:
    """Daemons that have no part on this host, and those that packages would start by themselves."""
    expected = {*promises.units(contract, declared, away), *promises.own_timed(contract, declared)}
    for name, unit in snapshot["units"]["shown"].items():
        if name.startswith(promises.daemons(contract)) and name not in expected:
            check.equal(f"{declared.name}: {name}", "inactive", unit["ActiveState"])
    enabled = {
        name
        for name, unit in snapshot["units"]["shown"].items()
        if unit["UnitFileState"] == "enabled" and name.startswith(promises.daemons(contract))
    }
    check.equal(f"{declared.name}: daemons that would start at boot", [], sorted(enabled - expected))


def starting(snapshot: Snapshot) -> set[str]:
    files = snapshot["units"]["files"]
    return {unit for unit, state in files.items() if state in ("enabled", "linked", "linked-runtime")}


def masked(snapshot: Snapshot) -> set[str]:
    """Units that a person masked: a mask that a package brought lies below /usr and is one of its files."""
    found = snapshot["files"]["found"]
    return {
        unit
        for unit, state in snapshot["units"]["files"].items()
        if state.startswith("masked")
        and "/dev/null"
        in [found.get(f"/{at}/systemd/system/{unit}", {}).get("target") for at in ("etc", "run")]
    }


def live(snapshot: Snapshot) -> set[str]:
    return {
        unit
        for unit, state in snapshot["units"]["shown"].items()
        if unit.endswith((".service", ".socket", ".timer", ".path"))
        and state["SubState"] in ("running", "listening", "waiting", "start", "auto-restart")
    }


def test_no_other_unit_starts_runs_or_is_masked(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, away: Away, check: Check
) -> None:
    """Whole lists, so that a unit of any name shows."""
    name, enabled, running = (
        declared.name,
        exact.enabled(contract, declared, away),
        exact.running(contract, declared, away),
    )
    at_boot = image.completed("units at boot", name, enabled, starting, exact.may_be_enabled(declared))
    check.equal(f"{name}: units enabled that are not declared", [], sorted(starting(snapshot) - at_boot))
    check.equal(f"{name}: units not enabled", [], sorted(enabled - starting(snapshot)))
    out = image.completed("masked units", name, exact.masked(declared), masked, exact.MASKED)
    check.equal(f"{name}: masked units", sorted(out), sorted(masked(snapshot)))
    may_run = image.completed("running units", name, running, live, exact.may_run(declared))
    check.equal(
        f"{name}: units that run and are not declared",
        [],
        sorted(
            unit for unit in live(snapshot) - may_run if not exact.comes_and_goes(contract, declared, unit)
        ),
    )
    check.equal(f"{name}: units that do not run", [], sorted(running - live(snapshot)))
    check.equal(f"{name}: programs that no unit runs", [], snapshot["left_behind"])
    given = image.completed(
        "environment", name, exact.environment(declared), lambda snapshot: snapshot["units"]["environment"],
        exact.ENVIRONMENT,
    )  # fmt: skip
    check.equal(f"{name}: environment of all units", sorted(given), snapshot["units"]["environment"])
    check.equal(f"{name}: users whose units run without them (linger)", [], snapshot["entries"]["lingering"])


def links(snapshot: Snapshot) -> dict[str, str]:
    return {
        path: file["target"]
        for path, file in snapshot["files"]["found"].items()
        if path.startswith(("/etc/systemd/", "/run/systemd/")) and file["kind"] == "link"
    }


def linked(snapshot: Snapshot) -> set[str]:
    """Units that a link starts, with whatever it belongs to."""
    return {path.rpartition("/")[2] for path in links(snapshot) if starts(path)}


def other_names(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(path, target) for path, target in links(snapshot).items() if not starts(path)]


def starts(path: str) -> bool:
    return ".wants/" in path or ".requires/" in path


def test_links_of_units_are_those_of_enabled_ones(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, away: Away, check: Check
) -> None:
    """A unit without [Install] starts at boot by a link alone, and another target by the link of its name."""
    known = image.completed(
        "linked units",
        declared.name,
        exact.enabled(contract, declared, away) | exact.ENABLED_FOR_USERS,
        linked,
        exact.may_be_enabled(declared) | exact.masked(declared),
    )  # fmt: skip
    check.equal(f"{declared.name}: units that a link starts", [], sorted(linked(snapshot) - known))
    declared_names = exact.aliases(declared)
    named = image.completed(
        "names of units", declared.name, declared_names.items(), other_names, exact.may_be_named()
    )
    check.equal(f"{declared.name}: other names of units, and masks", dict(named), dict(other_names(snapshot)))


def triggered(snapshot: Snapshot) -> set[str]:
    return {unit["Triggers"] for name, unit in snapshot["units"]["shown"].items() if name.endswith(".timer")}


def jobs(snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
    return [(path, tuple(lines)) for path, lines in snapshot["schedules"].items() if lines]


def cron(snapshot: Snapshot) -> set[str]:
    """Programs that run jobs at set times."""
    return {name for name, _ in snapshot["processes"]} & {"cron", "crond", "atd", "anacron"}


def test_nothing_restarts_on_a_schedule(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """The story's web servers were restarted hourly. Here nothing is: no timer, no cron, no life limit."""
    shown = snapshot["units"]["shown"]
    may = image.completed("timers", declared.name, promises.timed(contract, declared), triggered)
    check.equal(
        f"{declared.name}: what timers start",
        [],
        sorted(triggered(snapshot) - may),
    )
    limited = sorted(
        name for name, unit in shown.items() if unit.get("RuntimeMaxUSec", "infinity") != "infinity"
    )
    check.equal(f"{declared.name}: units with a limited life (RuntimeMaxSec)", [], limited)
    known = image.completed("jobs", declared.name, (), jobs)
    others = {
        path: list(lines)
        for path, lines in jobs(snapshot)
        if path not in promises.CRON_OF_PACKAGES and (path, lines) not in known
    }
    check.equal(f"{declared.name}: jobs of cron", {}, others)
    may_run = image.completed("cron", declared.name, (), cron)
    state = "running" if cron(snapshot) - may_run else "not running"
    check.equal(f"{declared.name}: cron", "not running", state)


def drop_ins(snapshot: Snapshot) -> set[str]:
    shown = snapshot["units"]["shown"].values()
    found = {path for unit in shown for path in unit.get("DropInPaths", "").split()}
    return {path for path in found if not path.startswith("/usr/lib/")}


def written(snapshot: Snapshot) -> set[str]:
    """Units that lie in /etc."""
    return {
        name
        for name, unit in snapshot["units"]["shown"].items()
        if unit["FragmentPath"].startswith("/etc/systemd/system/") and unit["LoadState"] != "masked"
    }


def test_units_are_as_installed(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """A drop-in or a unit in /etc that no role put there changes what a service is."""
    ours = image.completed("drop-ins", declared.name, promises.drop_ins(contract, declared), drop_ins)
    check.equal(f"{declared.name}: drop-ins that no role wrote", [], sorted(drop_ins(snapshot) - ours))
    own = image.completed("units", declared.name, promises.own_units(contract, declared), written)
    check.equal(f"{declared.name}: units that no role wrote", [], sorted(written(snapshot) - own))
