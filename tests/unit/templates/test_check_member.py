"""The script before each start of Patroni: it succeeds on the member's own medium, and nowhere else.

It is run as rendered, with programs that answer for a host's mounts and devices first on PATH.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.contract import Contract
from tests.support.filters import CONTRACT
from tests.support.host_modules import program
from tests.support.patroni_host import CLUSTER, MEMBERS, PAST
from tests.support.rendered import render

MEMBER = MEMBERS[1]
#: A number that no loop device of this machine has: nothing opens the node.
NUMBER = os.makedev(7, 4095)


@dataclass
class Sandbox:
    """A host's parts in a folder. Each is right, until a test changes it."""

    folder: Path
    contract: Contract

    def __post_init__(self) -> None:
        host = self.contract.host(MEMBER)
        self.placed = {one.purpose: self.folder / f"pg/{one.purpose}" for one in host.placements}
        (self.volume,) = {one.volume for one in host.placements if one.purpose in ("data", "wal")}
        self.uuid = next(one.uuid for one in host.volumes if one.name == self.volume)
        self.device, self.marker = self.folder / "device", self.folder / "vol/.flashtier-member"
        self.marker.parent.mkdir()
        self.device_node()
        self.marker.write_text(self.text())
        self.mounts = {str(self.placed[purpose]): "7:4095" for purpose in ("data", "wal")}
        self.tags = {str(self.device): self.uuid}
        self.control = f"Database cluster state: shut down\nDatabase system identifier:           {CLUSTER}\n"

    def device_node(self) -> None:
        try:
            os.mknod(self.device, stat.S_IFBLK | 0o600, NUMBER)
        except PermissionError:
            pytest.skip("only root can make a device's node")

    def text(self, cluster: str = CLUSTER, **changed: str) -> str:
        lines = {"stack": self.contract.stack, "host": MEMBER, "uuid": self.uuid} | changed
        return (
            "".join(f"{name}={value}\n" for name, value in lines.items()) + f"system_identifier={cluster}\n"
        )

    def run(self) -> tuple[int, str]:
        """Its status and what it says."""
        answers = "\n".join(f'"{path}") echo {number} ;;' for path, number in self.mounts.items())
        program(
            self.folder,
            "mountpoint",
            f'[ "$1" = --fs-devno ] || exit 9\ncase "$2" in\n{answers}\n*) exit 32\nesac',
        )
        answers = "\n".join(f'"{path}") echo {uuid} ;;' for path, uuid in self.tags.items())
        asked = "--probe --match-tag UUID --output value"
        program(
            self.folder,
            "blkid",
            f'[ "$1 $2 $3 $4 $5" = "{asked}" ] || exit 9\ncase "$6" in\n{answers}\n*) exit 2\nesac',
        )
        end = f"cat <<'EOF'\n{self.control}EOF" if self.control else "echo broken >&2; exit 1"
        program(self.folder, "pg_controldata", end)
        host = self.contract.host(MEMBER)
        script = self.folder / "check-member"
        script.write_text(
            render(
                self.contract,
                MEMBER,
                "patroni",
                "check-member.j2",
                patroni_at={"bin": str(self.folder / "bin"), "data": str(self.placed["data"] / "17")},
                patroni_placements=[
                    {"purpose": one.purpose, "volume": one.volume, "path": str(self.placed[one.purpose])}
                    for one in host.placements
                ],
                patroni_volumes=[
                    {
                        "device": str(self.device if one.name == self.volume else self.folder / one.name),
                        "uuid": one.uuid,
                        "mount_point": str(self.marker.parent if one.name == self.volume else self.folder),
                    }
                    for one in host.volumes
                ],
            )
        )
        done = subprocess.run(
            ["sh", str(script)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
        )
        assert done.stdout == ""
        return done.returncode, done.stderr.strip()


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path, CONTRACT)


def test_a_member_on_its_own_medium_starts(sandbox: Sandbox) -> None:
    assert sandbox.run() == (0, "")
    # The first member starts before etcd knows the cluster.
    sandbox.marker.write_text(sandbox.text() + "begins=yes\n")
    assert sandbox.run() == (0, "")


def other_device(host: Sandbox) -> None:
    host.mounts[str(host.placed["wal"])] = "8:1"


def no_device(host: Sandbox) -> None:
    host.device.unlink()
    host.device.touch()


def unreadable(host: Sandbox) -> None:
    host.control = ""


def no_identifier(host: Sandbox) -> None:
    host.control = "Database cluster state: shut down\n"


REFUSALS: dict[str, tuple[Callable[[Sandbox], object], str]] = {
    "data is not mounted": (
        lambda host: host.mounts.pop(str(host.placed["data"])),
        "pg/data is not a mount point",
    ),
    "WAL is not mounted": (
        lambda host: host.mounts.pop(str(host.placed["wal"])),
        "pg/wal is not a mount point",
    ),
    "another device is mounted": (other_device, "pg/wal is on device 8:1, which is none of"),
    "the device is a file": (no_device, "pg/data is on device 7:4095, which is none of"),
    "a device without a file system": (lambda host: host.tags.clear(), "carries no file system with a UUID"),
    "another host's volume": (
        lambda host: host.tags.update({str(host.device): "0000-other"}),
        "carries UUID 0000-other; declared is",
    ),
    "an unreadable cluster": (unreadable, "pg_controldata cannot read"),
    "no system identifier": (no_identifier, "has no system identifier"),
    "no marker": (lambda host: host.marker.unlink(), ".flashtier-member is missing: no copy was finished"),
    "a marker of another stack": (
        lambda host: host.marker.write_text(host.text(stack="other")),
        f"is not that of this host, this volume and cluster {CLUSTER}",
    ),
    "a marker of another host": (
        lambda host: host.marker.write_text(host.text(host="db9")),
        "is not that of this host",
    ),
    "a marker of another volume": (
        lambda host: host.marker.write_text(host.text(uuid="0000-other")),
        "is not that of this host",
    ),
    "a marker of another cluster": (
        lambda host: host.marker.write_text(host.text(PAST)),
        "is not that of this host",
    ),
    "an empty marker": (lambda host: host.marker.write_text(""), "is not that of this host"),
    "a marker with more": (
        lambda host: host.marker.write_text(host.text() + "more=1\n"),
        "is not that of this host",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_anything_else_keeps_patroni_down(sandbox: Sandbox, refusal: str) -> None:
    spoil, part = REFUSALS[refusal]
    spoil(sandbox)
    code, said = sandbox.run()
    assert code == 1
    # Programs may say why, and the script itself says one line.
    line = said.splitlines()[-1]
    assert said.count("Patroni is not started") == 1
    assert line.startswith(f"{MEMBER}: "), said
    assert part in line, said


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_checks_what_its_contract_says(member: str) -> None:
    text, host = render(CONTRACT, member, "patroni", "check-member.j2"), CONTRACT.host(member)
    by_name = {volume.name: volume for volume in host.volumes}
    for placed in host.placements:
        volume = by_name[placed.volume]
        assert (f"\nmounted {placed.path}\n" in text) is (placed.purpose in ("data", "wal"))
        # A move may bring them to any of the host's volumes.
        assert f"\n{volume.device} {volume.uuid} {volume.mount_point}/.flashtier-member\n" in text
    assert f"host={member}\n" in text
