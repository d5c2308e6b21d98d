"""Two volumes, what lies on them and a member, for tests of moves. Mounts and Patroni are recorded."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from moving import copying, mounts, preview
from moving.plan import Part, Plan, parse
from moving.report import Report
from moving.sequence import move, resume

PURPOSES = ("data", "wal", "log")


class Killed(BaseException):
    """As SIGKILL: no step after it runs."""


class Host:
    """Two volumes, what lies on them, and a member that counts what is asked of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.mounted: set[str] = set()
        self.asked: list[str] = []
        self.left = itertools.repeat(True)
        self.size = 0
        (folder / "units").mkdir()
        (folder / "run").mkdir()
        for purpose in PURPOSES:
            source = self.volume("flash") / purpose
            (source / "17").mkdir(parents=True)
            for number in range(3):
                (source / f"17/{number}").write_text(f"{purpose} {number}" * 1000)
            (source / "17/link").symlink_to("0")
            (folder / "units" / f"{purpose}.mount").write_text(self.unit(purpose, "flash"))
            self.mounted.add(str(self.path(purpose)))
            (self.volume("network")).mkdir(exist_ok=True)
        self.marker("flash").write_text("marker of flash")
        monkeypatch.setattr(Path, "is_mount", lambda path: str(path) in self.mounted)
        monkeypatch.setattr(mounts, "run", self.systemctl)
        monkeypatch.setattr(copying, "checksums", lambda programs, cluster: self.asked.append("checksums"))
        monkeypatch.setattr(preview, "APART", 0.001)
        monkeypatch.setattr(preview, "SPARE", 0)
        for effect in ("_rename", "write"):
            monkeypatch.setattr(mounts, effect, self.counted(getattr(mounts, effect)))

    def volume(self, name: str) -> Path:
        return self.folder / "vol" / name

    def path(self, purpose: str) -> Path:
        return self.folder / "pg" / purpose

    def marker(self, volume: str) -> Path:
        return self.volume(volume) / ".flashtier-member"

    def unit(self, purpose: str, volume: str) -> str:
        return f"[Mount]\nWhat={self.volume(volume) / purpose}\nWhere={self.path(purpose)}\n"

    def plan(self, *purposes: str, origin: str = "flash", target: str = "network") -> Plan:
        side = {
            name: {"volume": name, "root": str(self.volume(name)), "marker": str(self.marker(name))}
            for name in (origin, target)
        }
        return parse(
            json.dumps(
                {
                    "number": 1,
                    "member": "db2",
                    "programs": "/bin",
                    "cluster": "17",
                    "synchronous": True,
                    "markers": {str(self.marker(name)): f"marker of {name}" for name in (origin, target)},
                    "parts": [
                        {
                            "purpose": purpose,
                            "path": str(self.path(purpose)),
                            "unit": f"{purpose}.mount",
                            "unit_file": str(self.folder / "units" / f"{purpose}.mount"),
                            "unit_text": self.unit(purpose, target),
                            "origin": side[origin],
                            "target": side[target],
                        }
                        for purpose in purposes
                    ],
                }
            ),
            "test",
        )

    def move(self, plan: Plan) -> None:
        move(plan, self, Report(self.folder / "run", plan.number))

    def resume(self, plan: Plan) -> None:
        resume(plan, self, self.folder / "run")

    def counted(self, effect: Callable[..., None]) -> Callable[..., None]:
        """The same; one after which the process is killed is made first."""

        def made(*words: object) -> None:
            effect(*words)
            if not next(self.left):
                raise Killed

        return made

    def systemctl(self, words: Iterable[str], seconds: float) -> str:
        _, verb, *units = words
        for unit in units:
            path = str(self.path(unit.removesuffix(".mount")))
            (self.mounted.add if verb == "start" else self.mounted.discard)(path)
        if not next(self.left):
            raise Killed
        return ""

    # What the steps ask of the member.

    def may_leave(self) -> None:
        self.asked.append("may leave")

    def stop(self) -> None:
        self.asked.append("stop")
        if not next(self.left):
            raise Killed

    def start(self) -> None:
        self.asked.append("start")
        missing = [str(path) for path in map(self.path, PURPOSES) if str(path) not in self.mounted]
        assert not missing, f"Patroni would not start: {missing} are not mounted"

    def is_up(self) -> bool:
        return bool(self.asked) and self.asked[-1] == "start"

    def wait_until_it_counts(self) -> None:
        self.asked.append("wait")

    def received(self) -> int:
        return 0

    def shown(self, part: Part) -> Path:
        """What a boot would mount."""
        side = mounts.shown(part)
        assert side is not None
        return side.root / part.purpose


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }
