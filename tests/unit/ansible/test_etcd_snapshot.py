"""The program that takes snapshots of etcd, with programs that stand for etcdctl and etcdutl."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT

PROGRAM = ROOT / "ansible" / "roles" / "etcd" / "files" / "etcd_snapshot.py"
CONTENT = b"keys and values" * 100
WHOLE = CONTENT + hashlib.sha256(CONTENT).digest()
#: etcdctl: the last word is where to save; it has the account from its environment alone.
SAVES = """
[ "$ETCDCTL_USER" = snapshot ] || { echo "no account" >&2; exit 3; }
[ "$ETCDCTL_PASSWORD" = the-secret ] || { echo "wrong password" >&2; exit 3; }
case "$*" in *the-secret*) echo "a password in the arguments" >&2; exit 3;; esac
for path; do :; done
cat "$CONTENT" > "$path"
"""
READS = """echo '{"hash":1,"revision":7,"totalKey":3,"totalSize":24576}'"""


def take(
    folder: Path,
    content: bytes = WHOLE,
    ctl: str = SAVES,
    utl: str = READS,
    keep: int = 3,
    most: int = 1 << 20,
) -> subprocess.CompletedProcess[str]:
    """One run in `folder`, whose kept/ has the snapshots."""
    programs, kept = folder / "programs", folder / "kept"
    for path in (programs, kept):
        path.mkdir(exist_ok=True)
    (folder / "password").write_text("the-secret\n")
    (folder / "content").write_bytes(content)
    for name, script in {"etcdctl": ctl, "etcdutl": utl}.items():
        (programs / name).write_text(f"#!/bin/sh\nCONTENT={folder / 'content'}\n{script}\n")
        (programs / name).chmod(0o755)
    # The program gives its children a PATH of its own.
    text = PROGRAM.read_text().replace('"/usr/bin:/bin"', repr(f"{programs}:/usr/bin:/bin"))
    assert str(programs) in text
    (folder / "program.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-I", str(folder / "program.py"), "--endpoint", "https://192.0.2.1:2379", "--tls",
         "/none", "--folder", str(kept), "--keep", str(keep), "--most-bytes", str(most)],
        env={"CREDENTIALS_DIRECTORY": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def old(folder: Path, *names: str, size: int = 10) -> None:
    (folder / "kept").mkdir(exist_ok=True)
    for name in names:
        (folder / "kept" / name).write_bytes(b"x" * size)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "kept").iterdir())


def test_a_snapshot_is_taken_checked_and_named(tmp_path: Path) -> None:
    done = take(tmp_path)
    assert done.returncode == 0, done.stderr
    [name] = kept(tmp_path)
    assert name.endswith("Z.db")
    assert (tmp_path / "kept" / name).read_bytes() == WHOLE
    assert "revision 7" in done.stdout


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"content": b"K" + WHOLE[1:]}, "its SHA-256 is not that of its content"),
        ({"content": WHOLE[:-1]}, "its SHA-256 is not that of its content"),
        ({"content": b""}, "its SHA-256 is not that of its content"),
        (
            {"ctl": "echo 'Error: no leader' >&2; exit 1"},
            "etcdctl snapshot save ended with 1: Error: no leader",
        ),
        ({"utl": "echo 'Error: invalid database' >&2; exit 1"}, "Error: invalid database"),
        ({"utl": "true"}, "no snapshot of etcd"),
        ({"most": 100}, "is more than the 100 that all may take"),
    ],
)
def test_what_is_not_whole_gets_no_name_and_removes_nothing(
    tmp_path: Path, changed: dict[str, object], says: str
) -> None:
    old(tmp_path, "20200101.db", "20200102.db", "20200103.db")
    done = take(tmp_path, **changed)  # type: ignore[arg-type]
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [name for name in kept(tmp_path) if name.endswith(".db")] == [
        "20200101.db",
        "20200102.db",
        "20200103.db",
    ]


def test_the_oldest_go_first(tmp_path: Path) -> None:
    old(tmp_path, "20200101.db", "20200102.db", "20200103.db", "unfinished", "unfinished.part")
    assert take(tmp_path, keep=3).returncode == 0
    assert kept(tmp_path)[:2] == ["20200102.db", "20200103.db"]
    assert len(kept(tmp_path)) == 3


def test_they_take_no_more_than_their_share_and_the_newest_stays(tmp_path: Path) -> None:
    old(tmp_path, "20200101.db", "20200102.db", size=len(WHOLE))
    assert take(tmp_path, keep=9, most=2 * len(WHOLE)).returncode == 0
    assert kept(tmp_path)[0] == "20200102.db"
    assert len(kept(tmp_path)) == 2
    assert take(tmp_path, keep=9, most=len(WHOLE)).returncode == 0
    assert len(kept(tmp_path)) == 1


def test_only_its_account_reads_a_snapshot(tmp_path: Path) -> None:
    """The unit's UMask decides for what etcdctl makes; the program changes no rights."""
    assert take(tmp_path, ctl=f"umask 077\n{SAVES}").returncode == 0
    [path] = (tmp_path / "kept").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
