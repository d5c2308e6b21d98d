"""What a killed run may not leave."""

from __future__ import annotations

from pathlib import Path

from infra.local import loops, names, processes
from infra.paths import state_dir


def leaves_nothing_of_the_killed(stack: str) -> None:
    """After a run that came through: one loop device a volume, one pair of servers a throttled one."""
    files = sorted(names.volume_directory(stack).glob("*.img"))
    assert files, "the stack has no volume, so nothing was looked at"
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
