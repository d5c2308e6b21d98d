"""Directories of a member move to another volume.

A run that ends at any step leaves a member that can run, and the next finishes the move. Files and rsync
are real; mounts and Patroni are recorded.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from moving import copying, mounts, preview, sequence
from moving.errors import MoveError
from moving.member import Member
from moving.plan import Plan, parse
from tests.support.moving_host import Host, Killed, content


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def assert_moved(host: Host, plan: Plan, was: dict[str, dict[str, str]]) -> None:
    for part in plan.parts:
        assert host.shown(part) == part.goal
        assert str(part.path) in host.mounted
        assert content(part.goal) == was[part.purpose]
        assert content(part.before) == was[part.purpose]
        assert not part.coming.exists()
        assert not part.source.exists()
    assert host.marker("network").read_text() == "marker of network"
    assert not host.marker("flash").exists()


def test_what_was_in_use_is_kept_and_the_copy_shown(host: Host) -> None:
    plan = host.plan("data", "wal")
    was = {part.purpose: content(part.source) for part in plan.parts}
    host.move(plan)
    assert_moved(host, plan, was)
    assert host.asked == ["may leave", "may leave", "stop", "checksums", "start", "wait"]
    state = json.loads((host.folder / "run/state.json").read_text())
    assert state["phase"] == "ended"
    assert state["error"] == ""
    assert state["figures"]["bytes"] == sum(copying.size(part.goal) for part in plan.parts)
    assert not (host.folder / "run/stopped").exists()


def test_a_volume_that_carries_something_else_of_a_member_keeps_its_marker(host: Host) -> None:
    host.move(host.plan("wal"))
    assert host.marker("flash").exists()
    assert host.marker("network").exists()
    host.move(host.plan("data"))
    assert not host.marker("flash").exists()


def test_what_is_no_copy_of_a_member_moves_without_a_marker(host: Host) -> None:
    host.move(host.plan("log"))
    assert host.marker("flash").exists()
    assert not host.marker("network").exists()
    assert "checksums" not in host.asked


#: Effects of a move of two parts, up to the last that changes something.
STEPS = 14


@pytest.mark.parametrize("step", range(STEPS))
def test_a_run_that_is_killed_at_any_step_is_finished_by_the_next(host: Host, step: int) -> None:
    plan = host.plan("data", "wal")
    was = {part.purpose: content(part.source) for part in plan.parts}
    host.left = itertools.chain(itertools.repeat(True, step), [False], itertools.repeat(True))
    with pytest.raises(Killed):
        host.move(plan)
    # As the unit does, whatever ended its program.
    host.resume(plan)
    assert host.asked[-1] == "start"
    for part in plan.parts:
        assert content(host.shown(part)) == was[part.purpose]
        assert str(part.path) in host.mounted
    # The server has run since, on whatever each path shows.
    for part in plan.parts:
        (host.shown(part) / "17/written later").write_text(f"later {part.purpose}")
        was[part.purpose]["17/written later"] = f"later {part.purpose}"
    swapped = [part for part in plan.parts if host.shown(part) == part.goal]
    host.move(plan)
    for part in plan.parts:
        assert host.shown(part) == part.goal
        assert content(part.goal) == was[part.purpose]
        assert not part.source.exists()
        assert (content(part.before) == was[part.purpose]) is (part not in swapped)


def test_the_steps_are_all_of_a_move(host: Host) -> None:
    host.left = itertools.chain(itertools.repeat(True, STEPS), itertools.repeat(False))
    with pytest.raises(Killed):
        host.move(host.plan("data", "wal"))
    assert all(mounts.shown(part) is part.target for part in host.plan("data", "wal").parts)


def test_a_copy_that_differs_is_not_used_and_is_repaired_by_the_next_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = host.plan("data", "wal")
    was = {part.purpose: content(part.source) for part in plan.parts}

    def flip(programs: Path, cluster: Path) -> None:
        """Same size, same time."""
        file = plan.parts[1].coming / "17/1"
        before = file.stat()
        file.write_text(file.read_text().replace("w", "v", 1))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    with monkeypatch.context() as patched:
        patched.setattr(copying, "checksums", flip)
        with pytest.raises(
            MoveError, match=r"wal\.moving is not what .*: 1 differences.* The old copy stays in use"
        ):
            host.move(plan)
    assert [host.shown(part) for part in plan.parts] == [part.source for part in plan.parts]
    assert host.asked[-2:] == ["start", "wait"]
    host.move(plan)
    assert_moved(host, plan, was)


def test_what_the_server_wrote_during_the_copy_is_moved(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = host.plan("data")
    source = plan.parts[0].source

    def stop() -> None:
        (source / "17/0").write_text("changed in the end")
        (source / "17/1").unlink()
        (source / "17/new").write_text("new")

    monkeypatch.setattr(host, "stop", stop)
    host.move(plan)
    moved = content(plan.parts[0].goal)
    assert moved["17/0"] == "changed in the end"
    assert moved["17/new"] == "new"
    assert "17/1" not in moved


def test_a_move_back_begins_with_what_was_left_there(host: Host) -> None:
    there, back = host.plan("data"), host.plan("data", origin="network", target="flash")
    host.move(there)
    (there.parts[0].goal / "17/0").write_text("written there")
    left = there.parts[0].before
    assert left.exists()
    host.move(back)
    assert not left.exists()
    assert content(back.parts[0].goal)["17/0"] == "written there"
    assert host.shown(back.parts[0]) == host.volume("flash") / "data"
    assert host.marker("flash").exists()


@pytest.mark.parametrize("asked", [1, 2])
def test_a_member_that_may_not_leave_is_not_stopped(
    host: Host, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    plan, times = host.plan("data"), itertools.count(1)

    def may_leave() -> None:
        if next(times) == asked:
            raise MoveError("db2 leads now")

    monkeypatch.setattr(host, "may_leave", may_leave)
    with pytest.raises(MoveError, match="leads now"):
        host.move(plan)
    assert host.asked == []
    assert host.shown(plan.parts[0]) == plan.parts[0].source


def test_too_little_room_is_refused_before_anything_is_copied(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "SPARE", 1 << 60)
    plan = host.plan("data")
    with pytest.raises(
        MoveError, match=r"db2: .*/vol/network has \d+ MiB free and needs \d+; declare a larger"
    ):
        host.move(plan)
    assert host.asked == []
    assert not plan.parts[0].coming.exists()


def test_growth_during_the_copy_counts(host: Host) -> None:
    positions = iter([0, 1 << 60])
    lines = preview.room(host.plan("data"), list(host.plan("data").parts), lambda: next(positions))
    assert len(lines) == 1


def test_a_member_that_does_not_come_back_is_said_with_why_it_stopped(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MoveError("a block is broken")

    def down() -> None:
        raise MoveError("Patroni does not start")

    monkeypatch.setattr(copying, "checksums", broken)
    monkeypatch.setattr(host, "start", down)
    with pytest.raises(MoveError, match="a block is broken; then: Patroni does not start"):
        host.move(host.plan("data"))
    # The unit tries once more after its program.
    assert (host.folder / "run/stopped").exists()


def test_a_unit_that_names_neither_volume_stops_it(host: Host) -> None:
    plan = host.plan("data")
    plan.parts[0].unit_file.write_text("[Mount]\nWhat=/elsewhere\n")
    with pytest.raises(MoveError, match="names neither"):
        host.move(plan)
    assert host.asked == []


def test_nothing_is_started_that_the_move_had_not_stopped(host: Host) -> None:
    host.resume(host.plan("data"))
    assert host.asked == []


def test_a_plan_that_lacks_something_is_named() -> None:
    with pytest.raises(ValueError, match=r"standard input: KeyError 'number'"):
        parse("{}", "standard input")


def test_progress_is_read_from_rsync(host: Host, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    copying.copy(
        host.volume("flash") / "data",
        tmp_path / "copy",
        by_content=True,
        progress=lambda done, whole: seen.append((done, whole)),
    )
    # Links are no bytes to it.
    assert seen[-1][0] == 18000
    assert copying.size(tmp_path / "copy") == 18000 + len("0")


def test_sequence_asks_for_what_members_have() -> None:
    """The steps are tested with another member: the real one has each of their questions."""
    names = [name for name in vars(sequence.Standby) if not name.startswith("_")]
    assert names
    assert all(callable(getattr(Member, name)) for name in names)
