"""Pass a device that was added to a running host down to the services that run in it (cgroup v1).

LXD allows the device in the host's own cgroup. Under cgroup v1 the cgroups below it, those of its services
and sessions, got their rules when they were made and no later one: the host's sshd and its mount
units would be refused the device until the host starts again. Under cgroup v2 the host's program
rules all below it, and there is nothing to do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from infra.errors import FlashtierError

#: LXD's prefix of the cgroup of a container's own processes.
_PAYLOAD = "lxc.payload."


def hand_down(init: int, number: int) -> None:
    """Allow the block device to what runs in the host whose first process is `init`.

    Raises `FlashtierError` where the host itself is no longer allowed it.
    """
    rule = _rule(number)
    for cgroup in _lacking(init, rule):
        try:
            with contextlib.suppress(FileNotFoundError):  # the service has ended meanwhile
                (cgroup / "devices.allow").write_text(rule)
        except PermissionError as error:
            raise FlashtierError(
                f"{cgroup}: does not take the device rule `{rule}`, which the cgroup above it does not have; "
                "the device was taken from the host meanwhile: run pulumi up --refresh again"
            ) from error


def is_handed_down(init: int, number: int) -> bool:
    return next(_lacking(init, _rule(number)), None) is None


def _rule(number: int) -> str:
    return f"b {os.major(number)}:{os.minor(number)} rwm"


def _lacking(init: int, rule: str) -> Iterator[Path]:
    """The cgroups without the rule, parents first: a child can be allowed only what its parent is."""
    host = _host_cgroup(init)
    if host is None:
        return
    # A service with a device policy of its own (PrivateDevices=) has other rules as well, and keeps its
    # policy. Rules of loop devices do not tell: they are what may not have been handed down yet.
    common = {other for other in _rules(host) if not other.startswith("b 7:")}
    for directory, inside, _ in os.walk(host):
        inside.sort()
        rules = _rules(Path(directory))
        if rule not in rules and common <= rules:
            yield Path(directory)


def _rules(cgroup: Path) -> set[str]:
    try:
        return set((cgroup / "devices.list").read_text().splitlines())
    except OSError:
        return set()


def _host_cgroup(init: int) -> Path | None:
    """Where the host's device rules are, None where cgroup v1 does not keep them."""
    mount = _mount_point()
    try:
        lines = Path(f"/proc/{init}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if mount is None or "devices" not in controllers.split(","):
            continue
        parts = Path(path).parts
        for depth, part in enumerate(parts):
            if part.startswith(_PAYLOAD):
                return mount.joinpath(*parts[1 : depth + 1])
    return None


def _mount_point() -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup" and "devices" in options.split(","):
            return Path(before.split()[4])
    return None
