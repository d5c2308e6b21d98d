"""The module host_files next to a systemctl that answers: which files are unread, and what is notified."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.host_modules import contents, entry, keep, mode, program


def systemctl(folder: Path, *units: tuple[str, float, float]) -> None:
    """A systemctl that knows units by state, seconds since the start and since the last change of state."""
    blocks = []
    for state, started, changed in units:
        at = [int((time.monotonic() - ago) * 1e6) for ago in (started, changed)]
        blocks.append(
            f"StateChangeTimestampMonotonic={at[1]}\nActiveState={state}\nActiveEnterTimestampMonotonic={at[0]}"
        )
    (folder / "units").write_text("\n\n".join(blocks) + "\n")
    program(folder, "systemctl", f'echo "$@" >>{folder}/asked; cat {folder}/units')


def written(path: Path, ago: float, text: str = "x") -> Path:
    """A file that was written some seconds ago."""
    path.write_text(text)
    os.utime(path, (time.time() - ago, time.time() - ago))
    return path


@pytest.mark.parametrize(
    ("applied_by", "state", "ago", "late"),
    [
        # Started 100 s ago, reloaded 50 s ago.
        ("restart", "active", 75, True),
        ("restart", "active", 125, False),
        ("reload", "active", 75, False),
        ("reload", "active", 25, True),
        ("reload", "inactive", 25, False),
        ("restart", "failed", 25, False),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_a_file_that_its_unit_has_not_loaded_notifies_again(
    tmp_path: Path, host: Path, applied_by: str, state: str, ago: float, late: bool, check: bool
) -> None:
    file = written(host / "file", ago)
    systemctl(tmp_path, (state, 100, 50))
    answer = keep(
        tmp_path,
        entry(file, content="x", unit="it.service", applied_by=applied_by),
        notify=["Restart it"],
        check=check,
        diff=True,
    )
    assert answer["changes"] == {}
    assert answer["changed"] is late
    assert answer["outdated"] == ([str(file)] if late else [])
    assert answer["notify"] == (["Restart it"] if late else [])
    expected = [{"prepared": f"{file} is newer than what it.service has loaded\n"}]
    assert answer["diff"] == (expected if late else [])
    assert "it.service" in (tmp_path / "asked").read_text()


def test_a_watched_file_is_compared_and_never_written(tmp_path: Path, host: Path) -> None:
    key = written(host / "key", 10, "of another role")
    missing = host / "missing"
    systemctl(tmp_path, ("active", 100, 50))
    answer = keep(
        tmp_path,
        entry(key, state="watched", mode="0600"),
        entry(missing, state="watched"),
        unit="it.service",
        applied_by="reload",
        notify=["Reload it"],
    )
    assert (answer["changes"], answer["outdated"], answer["notify"]) == ({}, [str(key)], ["Reload it"])
    assert (mode(key), key.read_text(), missing.exists()) == ("0644", "of another role", False)


def test_a_link_is_as_new_as_what_it_leads_to(tmp_path: Path, host: Path) -> None:
    target = written(host / "release", 75)
    link = host / "current"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    systemctl(tmp_path, ("active", 100, 100))
    wanted = entry(link, target=str(target), unit="it.service")
    assert keep(tmp_path, wanted)["outdated"] == [str(link)]
    written(host / "release", 125)
    assert keep(tmp_path, wanted)["outdated"] == []
    os.utime(link, (time.time() - 75, time.time() - 75), follow_symlinks=False)
    assert keep(tmp_path, wanted)["outdated"] == [str(link)]


def test_each_entry_is_compared_with_its_own_unit_and_notifies_its_own_handlers(
    tmp_path: Path, host: Path
) -> None:
    # In the order of their names, as systemctl is asked: a.service is old, b.service is new.
    systemctl(tmp_path, ("active", 100, 100), ("active", 10, 10))
    for name in ("first", "second", "third", "fourth"):
        written(host / name, 50)
    answer = keep(
        tmp_path,
        entry(host / "first", content="x"),
        entry(host / "second", content="x", unit="a.service", notify=["Restart a"]),
        entry(host / "third", content="y", unit="a.service", notify=[]),
        entry(host / "fourth", content="y"),
        unit="b.service",
        notify=["Restart b"],
    )
    assert answer["outdated"] == [str(host / "second"), str(host / "third")]
    assert sorted(answer["changes"]) == [str(host / "fourth"), str(host / "third")]
    assert answer["notify"] == ["Restart a", "Restart b"]


def test_an_entry_may_notify_no_handler(tmp_path: Path, host: Path) -> None:
    answer = keep(tmp_path, entry(host / "file", content="x", notify=[]), notify=["Restart it"])
    assert (answer["changed"], answer["notify"]) == (True, [])


def test_a_new_file_is_not_outdated(tmp_path: Path, host: Path) -> None:
    systemctl(tmp_path, ("active", 100, 100))
    answer = keep(tmp_path, entry(host / "file", content="x", unit="it.service", notify=["Restart it"]))
    assert (answer["outdated"], answer["notify"]) == ([], ["Restart it"])


def test_a_systemd_that_does_not_answer_ends_it_before_anything_is_written(
    tmp_path: Path, host: Path
) -> None:
    program(tmp_path, "systemctl", "echo Failed to connect to bus >&2; exit 1")
    refused = keep(tmp_path, entry(host / "file", content="x", unit="it.service"))
    assert refused["msg"] == "systemctl show it.service ended with 1: Failed to connect to bus"
    assert contents(host) == {}


def test_without_a_unit_systemd_is_not_asked(tmp_path: Path, host: Path) -> None:
    systemctl(tmp_path)
    keep(tmp_path, entry(host / "file", content="x"))
    assert not (tmp_path / "asked").exists()
