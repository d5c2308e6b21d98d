"""The module patroni_position: what it makes of the answers of PostgreSQL's programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_modules import run

CONTROL = """\
Database system identifier:           7400000000000000001
Database cluster state:               {state}
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's TimeLineID:       {timeline}
"""
#: As pg_waldump of PostgreSQL 17 prints it.
LINE = "rmgr: Heap  len (rec/tot):  79/  79, tx:  745, lsn: {lsn}, prev 0/03000028, desc: INSERT off: 1"
ENDS = "pg_waldump: error: error in WAL record at 0/30000D0: invalid record length at 0/3000108: expected 24"
#: It answers from what the test has put next to it, and notes what it was asked.
WALDUMP = """\
#!/bin/sh
echo "$2 $3" >> {folder}/asked
cat {folder}/wal"${{2#--timeline=}}" || exit 1
echo '{ends}' >&2
exit 1
"""
Medium = Callable[..., dict[str, Any]]


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def medium(tmp_path: Path) -> Medium:
    """The module's answer. `wal`: by timeline, where records begin; `histories`: by timeline, the file."""
    (tmp_path / "data" / "pg_wal").mkdir(parents=True)

    def asked(
        wal: dict[int, list[str]],
        *,
        timeline: int = 1,
        histories: dict[int, str] | None = None,
        state: str = "shut down",
        own: int = 0,
        **more: Any,
    ) -> dict[str, Any]:
        control = CONTROL.format(state=state, timeline=timeline)
        program(tmp_path / "pg_controldata", f"#!/bin/sh\ncat <<'END'\n{control}END\n")
        program(tmp_path / "pg_waldump", WALDUMP.format(folder=tmp_path, ends=ENDS))
        program(tmp_path / "check", f"#!/bin/sh\necho 'db1: /pg/data is not a mount point' >&2\nexit {own}\n")
        for number, records in wal.items():
            lines = [LINE.format(lsn=lsn) for lsn in records]
            (tmp_path / f"wal{number}").write_text("\n".join(lines) + "\n")
        for number, text in (histories or {}).items():
            (tmp_path / "data" / "pg_wal" / f"{number:08X}.history").write_text(text)
        places = {"bin": str(tmp_path), "data": str(tmp_path / "data"), "check": str(tmp_path / "check")}
        return run("patroni_position", places | more, tmp_path)

    return asked


def test_the_last_whole_record_is_read_from_the_last_checkpoint_on(medium: Medium, tmp_path: Path) -> None:
    answer = medium({1: ["0/03000060", "0/030000D0"]}, state="in production")
    assert answer["readable"] is True
    assert (answer["timeline"], answer["record"]) == (1, "0/030000D0")
    assert (answer["identifier"], answer["state"]) == ("7400000000000000001", "in production")
    assert (tmp_path / "asked").read_text() == "--timeline=1 --start=0/3000060\n"


def test_a_timeline_that_was_received_after_the_checkpoint_counts(medium: Medium, tmp_path: Path) -> None:
    """A standby notes it in its control file at its next checkpoint only."""
    history = "1\t0/3000100\tno recovery target\n"
    answer = medium({1: ["0/03000060"], 2: ["0/03000100", "0/03000200"]}, histories={2: history})
    assert (answer["timeline"], answer["record"]) == (2, "0/03000200")
    assert answer["histories"] == {"2": history}
    assert (tmp_path / "asked").read_text() == "--timeline=2 --start=0/3000100\n"


def test_a_timeline_without_a_record_is_not_the_members_yet(medium: Medium) -> None:
    answer = medium({1: ["0/03000060"], 2: []}, histories={2: "1\t0/3000100\tno recovery target\n"})
    assert (answer["timeline"], answer["record"]) == (1, "0/03000060")


@pytest.mark.parametrize("history", ["1\t0/3000020\tleft before its checkpoint\n", "7\t0/3000100\tanother\n"])
def test_a_timeline_that_the_server_cannot_come_to_is_passed_over(medium: Medium, history: str) -> None:
    answer = medium({1: ["0/03000060"], 3: ["0/09000000"]}, histories={3: history})
    assert answer["timeline"] == 1


def test_a_medium_that_is_not_its_own_is_not_read(medium: Medium, tmp_path: Path) -> None:
    answer = medium({1: ["0/03000060"]}, own=1)
    assert (answer["readable"], answer["why"]) == (False, "db1: /pg/data is not a mount point")
    assert not (tmp_path / "asked").exists()
    assert "failed" not in answer


def test_wal_that_is_not_there_is_a_reason(medium: Medium) -> None:
    answer = medium({1: []})
    assert answer["readable"] is False
    assert "no WAL from its last checkpoint at 0/3000060, timeline 1" in answer["why"]
    assert "invalid record length" in answer["why"]


def test_programs_that_are_missing_are_a_reason(medium: Medium, tmp_path: Path) -> None:
    answer = medium({1: ["0/03000060"]}, bin=str(tmp_path / "none"))
    assert answer["readable"] is False
    assert "pg_controldata" in answer["why"]
