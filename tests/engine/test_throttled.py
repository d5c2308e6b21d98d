"""The gp3-class device keeps what is written, and is slower than the plain one, as gp3 is than flash."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import FlashtierError
from infra.local import loops, processes
from infra.local.throttled import EXPORTED_SIZE, Throttled, restore_size
from tests.engine.stacks import BASE

SIZE = 256 << 20


@pytest.fixture(scope="module")
def files() -> Iterator[tuple[Path, Path]]:
    directory = BASE / "throttled"
    directory.mkdir(parents=True, exist_ok=True)
    pair = directory / "network.img", directory / "flash.img"
    for file in pair:
        file.touch()
        os.truncate(file, SIZE)
    yield pair
    for file in pair:
        file.unlink()
    directory.rmdir()


@pytest.fixture(scope="module")
def network(files: tuple[Path, Path]) -> Iterator[Path]:
    throttled = Throttled(Path("/run/flashtier/engine-tests/throttled/network"), files[0])
    throttled.start()
    loop = loops.bind(throttled.device_file, size_limit=SIZE)
    yield loop.path
    loops.detach(loop.path)
    throttled.stop()
    assert not throttled.directory.exists()
    assert not processes.serving(throttled.directory)
    throttled.directory.parent.rmdir()
    throttled.directory.parent.parent.rmdir()


@pytest.fixture(scope="module")
def flash(files: tuple[Path, Path]) -> Iterator[Path]:
    loop = loops.bind(files[1])
    yield loop.path
    loops.detach(loop.path)


def fio(device: Path, *options: str) -> dict[str, Any]:
    command = [
        "fio",
        "--name=x",
        f"--filename={device}",
        "--direct=1",
        "--ioengine=libaio",
        "--output-format=json",
        # It would leave a file in the current directory.
        "--verify_state_save=0",
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    job: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])["jobs"][0]
    return job


def test_what_was_written_is_read_back(network: Path, files: tuple[Path, Path]) -> None:
    """Write blocks of several sizes in parallel, in any order, each with its checksum; then read all."""
    blocks = ["--rw=randwrite", "--bsrange=4k-64k", "--blockalign=4k", "--size=32m", "--randrepeat=0"]
    checks = ["--verify=crc32c", "--do_verify=1", "--verify_fatal=1"]
    job = fio(network, *blocks, *checks, "--iodepth=16", "--fsync=64")
    assert job["error"] == 0
    assert job["read"]["total_ios"] > 0, "nothing was verified"
    assert files[0].stat().st_size == SIZE, "the file must not keep the size that is exported"
    written = 32 << 20
    with network.open("rb") as device, files[0].open("rb") as file:
        assert device.read(written) == file.read(written), "the file and the device differ"


def test_the_classes_differ_as_declared(network: Path, flash: Path) -> None:
    """Figures are printed and ratios asserted, since a busy machine slows both."""
    figures = {}
    for name, device in (("network", network), ("flash", flash)):
        fio(device, "--rw=write", "--bs=1M", "--iodepth=4", "--size=64m", "--end_fsync=1")
        reads = ["--rw=randread", "--size=64m", "--runtime=2", "--time_based"]
        one = fio(device, *reads, "--bs=4k", "--iodepth=1")["read"]
        many = fio(device, *reads, "--bs=8k", "--iodepth=32")["read"]
        figures[name] = one["clat_ns"]["mean"] / 1e6, many["iops"]
        latency, rate = figures[name]
        print(f"{name}: {latency:.2f} ms per read of 4 KiB; {rate:.0f} reads/s of 8 KiB, 32 deep")
    assert figures["network"][0] > 1.0, "a request must cost its delay"
    assert figures["network"][0] > 3 * figures["flash"][0]
    assert figures["network"][1] < 5000
    assert figures["flash"][1] > 3 * figures["network"][1]


def test_it_grows_while_in_use(network: Path, files: tuple[Path, Path]) -> None:
    os.truncate(files[0], 2 * SIZE)
    loops.set_size_limit(network, 2 * SIZE)
    size = subprocess.run(
        ["blockdev", "--getsize64", network], capture_output=True, text=True, timeout=10, check=True
    )
    assert int(size.stdout) == 2 * SIZE
    job = fio(
        network, "--rw=write", "--bs=64k", f"--offset={SIZE}", "--size=4m", "--verify=crc32c", "--do_verify=1"
    )
    assert job["error"] == 0


def test_a_killed_start_leaves_no_wrong_size(tmp_path: Path) -> None:
    file = tmp_path / "x.img"
    file.write_bytes(b"d" * 8192)
    os.truncate(file, EXPORTED_SIZE)
    with pytest.raises(FlashtierError, match="holds data at byte 4096"):
        restore_size(file, 4096)
    assert file.stat().st_size == EXPORTED_SIZE, "data would have been cut off"
    restore_size(file, 8192)
    assert file.read_bytes() == b"d" * 8192
