"""From workers' turns to a verdict, by a clock of the test's own."""

from __future__ import annotations

import pytest

from probing.judge import Asked, Clock, Judge, Report
from probing.outcome import FINE, SAME, Outcome
from probing.part import Part
from probing.worker import Turn

DEADLINE = 2.5
IO_ERROR = Outcome("error", "/vol/flash: Input/output error")
ENDED = Turn(1, 1, FINE, 0.002)


def under_way(number: int = 2, last: Outcome = FINE) -> Turn:
    return Turn(number, number - 1, last, 0.002)


def judged(
    data: Turn, now: float, judge: Judge | None = None, wal: Turn = ENDED, connection: Turn = ENDED
) -> Report:
    judge = judge or Judge(("data", "wal", "connection"), 3)
    return judge.look(
        {
            "data": Asked(data, DEADLINE, "flash"),
            "wal": Asked(wal, DEADLINE, "network"),
            "connection": Asked(connection, 4.0),
        },
        now,
    )


def states(report: Report) -> list[str]:
    return [part.state for part in report.parts.values()]


def test_what_has_ended_well_is_fine() -> None:
    report = judged(ENDED, 1.0)
    assert (report.verdict, report.why, states(report)) == ("fine", "", ["fine", "fine", "fine"])


def test_before_the_first_turn_has_ended_nothing_is_known() -> None:
    report = judged(Turn(1), 1.0)
    assert report.verdict == "unknown"
    assert report.why == "data: nothing was asked yet"


def test_a_write_under_way_is_as_it_was_up_to_its_deadline_and_hung_after_it() -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    judged(ENDED, 0.0, judge)
    assert judged(under_way(), 1.0, judge).verdict == "fine"
    assert judged(under_way(), 1.0 + DEADLINE, judge).verdict == "fine"
    report = judged(under_way(), 1.1 + DEADLINE, judge)
    assert report.verdict == "stuck"
    assert report.why == "data: a write to flash is not answered in 2.5 s"
    assert report.parts["data"].seconds == pytest.approx(2.6)


def test_a_file_system_that_hangs_before_the_first_write_is_hung() -> None:
    judge = Judge(("data",), 3)
    judge.look({"data": Asked(Turn(1), DEADLINE)}, 0.0)
    report = judge.look({"data": Asked(Turn(1), DEADLINE)}, 2.6)
    assert (report.verdict, report.why) == (
        "stuck",
        "data: a write to its volume is not answered in 2.5 s",
    )


def test_a_slow_device_whose_every_write_ends_in_time_is_never_stuck() -> None:
    judge, now = Judge(("data", "wal", "connection"), 3), 0.0
    judged(ENDED, now, judge)
    for number in range(2, 40):
        ticks = [Turn(number, number - 1, FINE, 2.4)] * 24 + [Turn(number, number, FINE, 2.4)]
        found = {judged(turn, now + step / 10, judge).verdict for step, turn in enumerate(ticks)}
        assert found == {"fine"}
        now += 2.4
    assert judge.parts["data"].lost == 0
    assert judge.parts["data"].longest == 2.4


def test_a_write_that_comes_back_late_is_lost_once_and_the_device_is_fine_again() -> None:
    part = Part("data", 3)
    part.read(under_way(), 0.0, DEADLINE)
    for now in (2.6, 2.7, 9.0):
        assert part.read(under_way(), now, DEADLINE).state == "hung"
    assert part.read(Turn(2, 2, FINE, 9.1), 9.1, DEADLINE).state == "fine"
    assert (part.lost, part.longest) == (1, 9.1)
    part.read(under_way(3), 10.0, DEADLINE)
    part.read(under_way(3), 13.0, DEADLINE)
    assert part.lost == 2


@pytest.mark.parametrize(("errors", "verdict"), [(1, "fine"), (2, "fine"), (3, "stuck"), (9, "stuck")])
def test_three_errors_in_a_row_make_a_failing_device(errors: int, verdict: str) -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    judged(ENDED, 0.0, judge)
    report = judged(Turn(1 + errors, 1 + errors, IO_ERROR, 0.001, errors), 1.0, judge)
    assert report.verdict == verdict
    assert report.parts["data"].state == ("failing" if verdict == "stuck" else "fine")


def test_errors_after_which_a_write_hangs_are_hung() -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    judged(under_way(2, IO_ERROR), 0.0, judge)
    assert judged(under_way(2, IO_ERROR), 2.6, judge).parts["data"].state == "hung"


@pytest.mark.parametrize(
    ("kind", "verdict"), [("full", "fine"), ("absent", "unknown"), ("unknown", "unknown")]
)
def test_what_is_no_fault_of_the_device_never_makes_a_member_stuck(kind: str, verdict: str) -> None:
    report = judged(Turn(1, 1, Outcome(kind, "said"), 0.001), 1.0)  # type: ignore[arg-type]
    assert (report.verdict, report.parts["data"].state) == (verdict, kind)


def test_a_connection_without_an_answer_is_stuck_after_its_own_deadline() -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    judged(ENDED, 0.0, judge)
    judged(ENDED, 1.0, judge, connection=under_way())
    assert judged(ENDED, 4.9, judge, connection=under_way()).verdict == "fine"
    report = judged(ENDED, 5.1, judge, connection=under_way())
    assert (report.verdict, report.why) == ("stuck", "connection: a new connection is not answered in 4 s")


def test_wal_next_to_the_data_is_what_the_data_is() -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    wal = Turn(1, 1, SAME, 0.0)
    assert states(judged(ENDED, 0.0, judge, wal=wal)) == ["fine", "fine", "fine"]
    judged(under_way(), 1.0, judge, wal=wal)
    report = judged(under_way(), 4.0, judge, wal=wal)
    assert states(report) == ["hung", "hung", "fine"]
    assert report.why == "data and wal: a write to flash is not answered in 2.5 s"
    assert report.parts["wal"].volume == "flash"


def test_stuck_names_what_is_stuck_and_nothing_else() -> None:
    judge = Judge(("data", "wal", "connection"), 3)
    failing = Turn(3, 3, IO_ERROR, 0.001, 3)
    report = judged(Turn(1, 1, Outcome("absent", "away")), 0.0, judge, wal=failing)
    assert report.verdict == "stuck"
    assert report.why == "wal: /vol/flash: Input/output error, 3 times in a row"


def test_figures_alone_are_no_difference_and_a_state_or_another_volume_is() -> None:
    first = judged(ENDED, 0.0)
    assert first.differs(None)
    assert not judged(Turn(2, 2, FINE, 0.9), 1.0).differs(first)
    assert judged(Turn(1, 1, Outcome("full", "")), 1.0).differs(first)
    moved = Judge(("data",), 3).look({"data": Asked(ENDED, DEADLINE, "network")}, 0.0)
    assert moved.differs(Judge(("data",), 3).look({"data": Asked(ENDED, DEADLINE, "flash")}, 0.0))


def test_a_process_that_did_not_run_finds_nothing_late_because_of_that() -> None:
    """A host that was stopped for a minute and goes on: the write ends a moment later."""
    clock, judge = Clock(100.0), Judge(("data", "wal", "connection"), 3)
    judged(under_way(), clock.tick(100.1), judge)
    assert judged(under_way(), clock.tick(160.0), judge).verdict == "fine"
    assert judge.parts["data"].lost == 0
    for step in range(1, 30):
        report = judged(under_way(), clock.tick(160.0 + step / 10), judge)
    assert report.verdict == "stuck"


def test_what_is_published_says_who_and_since_when() -> None:
    shown = judged(ENDED, 0.0).published("db1", 1796059028.55661)
    assert shown == {
        "host": "db1",
        "verdict": "fine",
        "why": "",
        "since": 1796059028.557,
        "data": {"state": "fine", "seconds": 0.002, "volume": "flash"},
        "wal": {"state": "fine", "seconds": 0.002, "volume": "network"},
        "connection": {"state": "fine", "seconds": 0.002},
    }
