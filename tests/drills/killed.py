"""What a killed run must not leave behind."""

from __future__ import annotations

from pathlib import Path

from infra.local import loops, names, processes
from infra.paths import state_dir


def assert_no_leftovers(stack: str) -> None:
    """After a completed run: one loop device per volume, one pair of servers per throttled volume."""
    files = sorted(names.volume_directory(stack).glob("*.img"))
    assert files, "the stack has no volume, so nothing was checked"
    linked = sorted(str(link.readlink()) for link in names.link_directory(stack).iterdir())
    runtime = names.runtime_directory(stack)
    bound = sorted(
        str(device)
        for device, file in loops.bound().items()
        if file.is_relative_to(names.volume_directory(stack))
        or file.is_relative_to(runtime)
        or (len(file.parts) == 2 and (names.link_directory(stack) / file.name).exists())
    )
    assert bound == linked, "loop devices beyond those that the links name, or too few"
    assert len(linked) == len(files)
    for directory in (runtime / "throttled").iterdir():
        assert sorted(processes.serving(directory).values()) == ["nbdfuse", "nbdkit"], directory
    assert (Path("/run/flashtier") / f"{stack}.lock").read_text() == ""
    stray = [path for path in state_dir(stack).rglob(".*") if path.is_file()]
    assert stray == [], "half-written files"
