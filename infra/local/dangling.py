"""Remove orphans of a running stack before a run: loop devices and servers that nothing can use.

    python -m infra.local.dangling STACK

A run that was killed, or a file that was replaced by hand, leaves loop devices that no volume's link names,
and servers of throttled volumes that are gone. They are found by the stack's own paths. What a host has
mounted stays, and so does everything that `pulumi up --refresh` repairs by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from infra.errors import FlashtierError
from infra.local import loops, names
from infra.local.run import CommandFailed
from infra.paths import check_stack


def clear(stack: str) -> Iterator[str]:
    """Remove them; a line for each."""
    yield from _servers(stack)
    yield from _loops(stack)
    for link in sorted(names.link_directory(stack).glob(".*.new")):  # see `_point` of the provider's volume
        link.unlink()
        yield f"the unfinished link {link}"


def _servers(stack: str) -> Iterator[str]:
    """Servers, mount and loop device of a throttled volume that has neither file nor link."""
    for directory in sorted((names.runtime_directory(stack) / "throttled").glob("*")):
        file = names.volume_directory(stack) / f"{directory.name}.img"
        link = names.link_directory(stack) / directory.name
        if file.exists() or link.is_symlink():
            continue
        from infra.local.provider.volume import remove  # slow to import, and rarely needed

        host, _, volume = directory.name.partition("-")
        remove(stack, host, volume, file)
        yield f"the servers of a throttled volume that is gone, {directory}"


def _loops(stack: str) -> Iterator[str]:
    links = {link.readlink() for link in names.link_directory(stack).glob("[!.]*") if link.is_symlink()}
    for device, backing in loops.bound().items():
        if device in links or not backing.is_relative_to(names.volume_directory(stack)):
            continue
        # One device of a file must stay: where no link leads to it yet, the next run uses that one.
        rivals = {other for other, path in loops.bound().items() if path == backing and other != device}
        if not _serves(device, backing):
            reason = "carries a file that is no longer at its path"
        elif rivals:
            reason = f"carries the same file as {', '.join(map(str, sorted(rivals)))}"
        else:
            continue
        if not loops.mounted_by(device):
            loops.detach(device)
            yield f"{device} ({backing}), which {reason}"


def _serves(device: Path, backing: Path) -> bool:
    loop = loops.inspect(device)
    try:
        return loop is not None and loop.backing == loops.FileIdentity.of(backing)
    except CommandFailed:
        return False


def main(arguments: list[str]) -> int:
    (stack,) = arguments
    try:
        check_stack(stack)
        for line in clear(stack):
            print(f"orphaned by an earlier run, removed: {line}")
    except FlashtierError as error:
        print(f"dangling: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
