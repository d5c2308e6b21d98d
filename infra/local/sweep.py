"""Remove what a stack has left on this machine when its state is lost or half gone, and nothing else.

    python -m infra.local.sweep STACK           remove all of it, data included, and say what was removed
    python -m infra.local.sweep STACK --check   only say what is there; ends with 1 if there is anything

It goes by the kit's own marks and names: the mark on LXD's objects, the paths of the stack's loop devices,
mounts and processes, the protocol number of its route, the name of its firewall table. `pulumi destroy` is
the normal way; this one needs no state. With --json the findings are one JSON list.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.errors import FlashtierError
from infra.local import guard, loops, names, processes, routes
from infra.local.lxd import Lxd, marked
from infra.local.run import CommandFailed, run
from infra.paths import stack_fault, state_dir


@dataclass(frozen=True)
class Leftover:
    """A thing of the stack, and how it is removed."""

    kind: str
    name: str
    remove: Callable[[], object]


def _lxd(stack: str) -> Iterator[Leftover]:
    machine, project = Lxd(), names.project(stack)
    if (found := machine.get("projects", project)) is not None and marked(found, stack):
        inside = Lxd(project)
        inside.settle()
        for name in inside.names("instances"):
            yield Leftover("host", name, partial(_remove_host, inside, name))
        for fingerprint in inside.names("images"):
            yield Leftover("image", fingerprint[:12], partial(inside.delete, "images", fingerprint))
        yield Leftover("project", project, partial(machine.delete, "projects", project))
    for kind, collection, name in (
        ("network", "networks", names.bridge(stack)),
        ("storage pool", "storage-pools", names.storage_pool(stack)),
    ):
        if (found := machine.get(collection, name)) is not None and marked(found, stack):
            yield Leftover(kind, name, partial(machine.delete, collection, name))
    bridge = names.bridge(stack)
    if Path(f"/sys/class/net/{bridge}").exists() and machine.get("networks", bridge) is None:
        # LXD's records were lost; the interface is known by its name.
        yield Leftover("interface", bridge, partial(run, ["ip", "link", "delete", bridge]))


def _remove_host(lxd: Lxd, name: str) -> None:
    state: dict[str, Any] = lxd.get("instances", name) or {}
    if state.get("status") not in (None, "Stopped"):
        lxd.put("instances", name, "state", body={"action": "stop", "force": True, "timeout": 30}, seconds=60)
    lxd.delete("instances", name, seconds=120)


def _processes(stack: str) -> Iterator[Leftover]:
    """Servers of devices that do not answer.

    Those that do end later, after their loop device was detached.
    """
    for directory in sorted((names.runtime_directory(stack) / "throttled").glob("*")):
        serving = processes.serving(directory)
        if serving and not loops.answers(directory / "mount" / directory.name):
            yield from _servers(serving)


def _servers(serving: dict[int, str]) -> Iterator[Leftover]:
    for pid, program in serving.items():
        yield Leftover("process", f"{program} {pid}", partial(processes.end, [pid]))


def _loops(stack: str) -> Iterator[Leftover]:
    for device, file in loops.bound().items():
        if file.is_relative_to(names.volume_directory(stack)) or file.is_relative_to(
            names.runtime_directory(stack)
        ):
            yield Leftover("loop device", f"{device} ({file})", partial(loops.detach, device))
    for link in sorted(names.link_directory(stack).glob("*")):
        if orphan := loops.orphan(link):
            yield Leftover("loop device", f"{orphan} ({link})", partial(loops.let_go, orphan))


def _mounts(stack: str) -> Iterator[Leftover]:
    runtime = names.runtime_directory(stack)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4]
        if Path(point).is_relative_to(runtime):
            yield Leftover("mount", point, partial(_unmount, point))
    yield from _servers(processes.serving(runtime))


def _unmount(point: str) -> None:
    try:
        run(["umount", point], seconds=10)
    except CommandFailed:  # its server is dead: move it out of sight
        run(["umount", "--lazy", point], seconds=10)


def _route(stack: str) -> Iterator[Leftover]:
    record = names.network_record(stack)
    if record.is_file() and routes.has_unreachable(cidr := record.read_text().strip()):
        yield Leftover("route", f"unreachable {cidr}", partial(routes.remove_unreachable, cidr))
    if guard.exists(stack):
        yield Leftover("firewall table", guard.table(stack), partial(guard.unload, stack))


def _files(stack: str) -> Iterator[Leftover]:
    for directory in (names.link_directory(stack), names.runtime_directory(stack), state_dir(stack)):
        if directory.is_dir():
            yield Leftover("directory", str(directory), partial(shutil.rmtree, directory))


def sweep(stack: str, *, check: bool) -> tuple[list[Leftover], list[str]]:
    """What was found (and removed, unless `check`), and what could not be removed, one line each."""
    found: list[Leftover] = []
    faults: list[str] = []
    for step in (_lxd, _processes, _loops, _mounts, _route, _files):
        try:
            for leftover in step(stack):
                found.append(leftover)
                if not check:
                    leftover.remove()
        except (FlashtierError, OSError) as error:
            faults.append(str(error))
            # A device that is still used must keep its file.
            if step is not _lxd:
                break
    return found, faults


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.sweep", description="Remove what a stack has left on this machine."
    )
    parser.add_argument("stack", help="the stack whose leftovers are meant")
    parser.add_argument(
        "--check", action="store_true", help="only say what is there; ends with 1 if anything is"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON list")
    options = parser.parse_args(arguments)
    if fault := stack_fault(options.stack):
        print(f"stack = {options.stack!r}: {fault}", file=sys.stderr)
        return 2
    found, faults = sweep(options.stack, check=options.check)
    if options.json:
        print(json.dumps([{"kind": leftover.kind, "name": leftover.name} for leftover in found], indent=2))
    else:
        verb = "left" if options.check else "removed"
        for leftover in found:
            print(f"{verb}: {leftover.kind} {leftover.name}")
        if not found:
            print(f"stack {options.stack}: nothing is left on this machine")
    for fault in faults:
        print(f"sweep: {fault}", file=sys.stderr)
    return 1 if faults or (options.check and found) else 0


if __name__ == "__main__":
    sys.exit(main())
