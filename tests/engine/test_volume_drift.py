"""A volume's file, loop device and servers, changed by hand: each refresh reports and each run repairs it.

What cannot be changed under a mounted file system is reported instead, with the procedure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.errors import FlashtierError
from infra.local import loops, names, processes, throttled
from infra.local.provider.schema import VolumeClass, VolumeInputs
from infra.local.provider.volume import Volume
from tests.engine.stacks import BASE
from tests.support.guards import sometimes

STACK = "engv"


def command(*arguments: str | Path) -> None:
    subprocess.run([*map(str, arguments)], check=True, capture_output=True, timeout=60)


@dataclass
class Bound:
    """A volume with a file system on it."""

    inputs: VolumeInputs
    mount: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.volume = Volume(threading.Event(), self.said.append)
        self.device = Path(self.volume.converge(self.inputs)["device"])
        command("mkfs.xfs", "-q", "-f", "-m", f"uuid={self.inputs.uuid}", self.device)
        self.mount.mkdir()

    @property
    def file(self) -> Path:
        return Path(self.inputs.file)

    def is_whole(self) -> bool:
        """Whether a refresh finds the volume intact; its messages are in `said`."""
        self.said.clear()
        found = self.volume.read(self.inputs)
        assert found is not None
        assert found.inputs["bound"] is (not self.said), self.said
        return bool(found.inputs["bound"])

    def repair(self) -> Path:
        return Path(self.volume.converge(self.inputs)["device"])

    def mounted(self) -> bool:
        return os.path.ismount(self.mount)


#: A volume of class flash has no servers.
served_only = pytest.mark.parametrize("bound", ["network"], indirect=True)


@pytest.fixture(params=["flash", "network"])
def bound(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bound]:
    base = BASE / STACK
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    monkeypatch.setenv("FLASHTIER_STATE", str(base))
    volume_class: VolumeClass = request.param
    inputs = VolumeInputs(
        stack=STACK,
        host="db1",
        name=volume_class,
        volume_class=volume_class,
        size_gib=1,
        uuid="2d52f83d-db28-587c-a7b7-69c37d7b1daa",
        file=str(names.volume_file(STACK, "db1", volume_class)),
        link=str(names.volume_link(STACK, "db1", volume_class)),
        bound=True,
    )
    whole = Bound(inputs, base / "mount")
    command("mount", whole.device, whole.mount)
    yield whole
    if whole.mounted():
        command("umount", whole.mount)
    whole.volume.delete(inputs)
    assert not whole.file.exists()
    shutil.rmtree(base)


def served(bound: Bound, program: str) -> int:
    directory = names.throttled_directory(STACK, "db1", bound.inputs.name)
    return next(pid for pid, found in processes.serving(directory).items() if found == program)


CHANGES: dict[str, tuple[Callable[[Bound], object], str]] = {
    "direct I/O": (lambda b: command("losetup", "--direct-io=off", b.device), "direct I/O = off, must be on"),
    "detached": (lambda b: command("losetup", "--detach", b.device), "autoclear = 1, must be 0"),
    "read-only": (lambda b: command("blockdev", "--setro", b.device), "read-only = 1, must be 0"),
    "size limit": (
        lambda b: loops.set_size_limit(b.device, 1 << 29),
        "size limit = 536870912, must be ",
    ),
    "mode": (lambda b: b.file.chmod(0o644), "mode 0644 of uid 0, must be 0600 of uid 0"),
    "owner": (lambda b: os.chown(b.file, 65534, 0), "mode 0600 of uid 65534, must be 0600 of uid 0"),
    "class": (
        lambda b: os.setxattr(b.file, "user.flashtier.class", b"slow"),
        "user.flashtier.class = 'slow', must be '",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_reported_and_repaired_under_its_mount(bound: Bound, change: str) -> None:
    assert bound.is_whole()
    alter, line = CHANGES[change]
    alter(bound)
    assert not bound.is_whole()
    (said,) = bound.said
    assert said.startswith(f"host db1, volume {bound.inputs.name}: ")
    assert line in said
    assert bound.repair() == bound.device
    assert bound.is_whole()
    assert bound.mounted()
    (bound.mount / "written").write_text("still")
    os.sync()


def rebind(bound: Bound, *options: str) -> None:
    """Bind it again by hand with other options, to the same device."""
    backing = loops.backing_path(bound.device)
    command("umount", bound.mount)
    loops.detach(bound.device)
    command("losetup", "--direct-io=on", *options, bound.device, str(backing))


LIMIT = {"flash": "0", "network": str(1 << 30)}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--read-only"], "read-only = 1 (bound so), must be 0"),
        (["--sector-size", "4096"], "sector size = 4096, must be 512"),
        (["--offset", "1048576"], "offset = 1048576, must be 0"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_changes_that_need_an_unmount_are_reported_with_the_procedure(
    bound: Bound, options: list[str], line: str
) -> None:
    rebind(bound, *options, "--sizelimit", LIMIT[bound.inputs.name])
    read_only = "--read-only" in options
    if sometimes(read_only):  # with the others XFS finds no file system on the device
        command("mount", "-o", "ro,norecovery", bound.device, bound.mount)
        assert not bound.is_whole()
        assert any(line in said for said in bound.said)
        with pytest.raises(FlashtierError) as refused:
            bound.repair()
        text = str(refused.value)
        assert text.startswith(f"host db1, volume {bound.inputs.name}: {bound.device}: {line}; ")
        assert "in the host stop what uses the volume and unmount it, then run pulumi up --refresh" in text
        assert bound.mounted()
        command("umount", bound.mount)
    assert not bound.is_whole()
    assert any(line in said for said in bound.said)
    command("mount", bound.repair(), bound.mount)
    assert bound.is_whole()


@served_only
def test_servers_with_other_limits_are_restarted_but_not_under_a_mount(
    bound: Bound, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = served(bound, "nbdkit")
    monkeypatch.setattr(throttled, "RATE", 2 * throttled.RATE)
    assert not bound.is_whole()
    line = f"nbdkit {before} runs with `rate={throttled.RATE // 2}`, must be `rate={throttled.RATE}`"
    assert any(line in said for said in bound.said)
    with pytest.raises(FlashtierError, match=r"cannot be changed while process .* mounted: in the host stop"):
        bound.repair()
    assert served(bound, "nbdkit") == before
    command("umount", bound.mount)
    command("mount", bound.repair(), bound.mount)
    assert served(bound, "nbdkit") != before
    assert bound.is_whole()


@served_only
@pytest.mark.parametrize("program", ["nbdkit", "nbdfuse"])
def test_servers_keep_their_priorities(bound: Bound, program: str) -> None:
    """A server that is killed for memory, or waits for a core, blocks the file system on it."""
    pid = served(bound, program)
    Path(f"/proc/{pid}/oom_score_adj").write_text("0")
    os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    granted = (names.throttled_directory(STACK, "db1", "network") / "protection").read_text().split()
    assert "scheduler" in granted
    assert not bound.is_whole()
    said = "".join(bound.said)
    # A machine without CAP_SYS_RESOURCE does not grant the other one.
    assert (f"{program} {pid}: oom_score_adj = 0" in said) is ("oom_score_adj" in granted)
    assert f"{program} {pid}: scheduler = 0" in said
    bound.repair()
    assert bound.is_whole()
    assert os.sched_getscheduler(pid) == os.SCHED_RR
