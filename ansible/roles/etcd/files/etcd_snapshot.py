#!/usr/bin/python3
"""A snapshot of the local member of etcd: taken, checked, then named; old ones are removed.

The unit flashtier-etcd-snapshot.service runs it. The password is in $CREDENTIALS_DIRECTORY/password, and
reaches etcdctl in its environment. Ends with a line and code 1 where there is no new snapshot.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

#: Seconds for taking one, and for reading it again.
TAKING, READING = 120, 60
#: etcdctl ends what it saves with a SHA-256 of the rest (client/v3/snapshot, hasChecksum).
SUM = 32
BLOCK = 1 << 20


class Failed(Exception):
    """There is no new snapshot; the text says why."""


def run(command: list[str], seconds: int, **environment: str) -> str:
    """What the command prints. Raises `Failed` with its last line where it fails or hangs."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={"PATH": "/usr/bin:/bin", **environment},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Failed(f"{' '.join(command[:1] + command[-3:-1])} ended with {done.returncode}: {said}")
    return done.stdout


def take(endpoint: str, tls: Path, password: str, path: Path) -> None:
    """Save a snapshot at `path`; etcdctl writes it through to the medium."""
    files = [f"--cacert={tls / 'ca.crt'}", f"--cert={tls / 'host.crt'}", f"--key={tls / 'host.key'}"]
    run(
        ["etcdctl", f"--endpoints={endpoint}", *files, "snapshot", "save", str(path)],
        TAKING,
        ETCDCTL_API="3",
        ETCDCTL_USER="snapshot",
        ETCDCTL_PASSWORD=password,
    )


def verify(path: Path) -> dict[str, int]:
    """What is in it. Raises `Failed` where its sum is another one or etcdutl cannot read it.

    `etcdutl snapshot status` alone does not see a changed byte; only a restore compares the sum.
    """
    digest, left = hashlib.sha256(), path.stat().st_size - SUM
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(BLOCK, left))):
            digest.update(block)
            left -= len(block)
        if left or file.read() != digest.digest():
            raise Failed(f"{path}: its SHA-256 is not that of its content")
    status: dict[str, int] = json.loads(
        run(["etcdutl", "snapshot", "status", "--write-out=json", str(path)], READING)
    )
    return status


def outlived(snapshots: list[tuple[str, int]], keep: int, most_bytes: int) -> list[str]:
    """Names to remove. `snapshots`: name and size, by age; the newest always stays."""
    total, gone = 0, []
    for number, (name, size) in enumerate(reversed(snapshots)):
        total += size
        if number and (number >= keep or total > most_bytes):
            gone.append(name)
    return gone


def settle(folder: Path) -> None:
    """Write names through to the medium."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> None:
    """One snapshot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True, help="address of the local member")
    parser.add_argument("--tls", required=True, type=Path, help="folder of ca.crt, host.crt and host.key")
    parser.add_argument("--folder", required=True, type=Path, help="where snapshots are kept")
    parser.add_argument("--keep", required=True, type=int, help="how many are kept")
    parser.add_argument("--most-bytes", required=True, type=int, help="what they may take together")
    asked = parser.parse_args()
    unnamed: Path = asked.folder / "unfinished"
    try:
        password = Path(os.environ["CREDENTIALS_DIRECTORY"], "password").read_text().strip()
        for left in (unnamed, unnamed.with_suffix(".part")):
            left.unlink(missing_ok=True)
        take(asked.endpoint, asked.tls, password, unnamed)
        status = verify(unnamed)
        size = unnamed.stat().st_size
        if size > asked.most_bytes:
            unnamed.unlink()
            raise Failed(f"a snapshot of {size} bytes is more than the {asked.most_bytes} that all may take")
        named = asked.folder / time.strftime("%Y%m%dT%H%M%SZ.db", time.gmtime())
        unnamed.rename(named)
        settle(asked.folder)
        there = [(path.name, path.stat().st_size) for path in sorted(asked.folder.glob("*.db"))]
        gone = outlived(there, asked.keep, asked.most_bytes)
        for name in gone:
            (asked.folder / name).unlink()
    except (Failed, OSError, ValueError) as error:
        sys.exit(f"no snapshot of etcd: {error}")
    print(f"{named}: {size} bytes, revision {status['revision']}; removed: {', '.join(gone) or 'none'}")


if __name__ == "__main__":
    main()
