"""When a member counts as writable: out of recovery, with a standby that confirms, and asked until then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from follower import probe
from follower.probe import Prober
from tests.support.gateway import until

Answer = tuple[bool, int] | str


class Database:
    """Members whose answers a test gives; a text is an error. The last is given again and again."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.closed = 0
        self.asked: list[str] = []

    def connect(self, member: str) -> Database:
        self.asked.append(member)
        self.connections += 1
        return self

    def ask(self) -> tuple[bool, int]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise OSError(answer)
        return answer

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "STEP", 0.002)


@pytest.fixture
def probing() -> Iterator[Callable[..., tuple[Prober, list[tuple[str, object]], list[str]]]]:
    made: list[Prober] = []

    def start(database: Database, quorum: bool = True) -> tuple[Prober, list[tuple[str, object]], list[str]]:
        found: list[tuple[str, object]] = []
        lines: list[str] = []
        prober = Prober(database.connect, quorum, lambda *one: found.append(one), lines.append)
        made.append(prober)
        prober.start("db2")
        return prober, found, lines

    yield start
    for prober in made:
        prober.stop()
    until(
        lambda: not [one for one in threading.enumerate() if one.name.startswith("probe ")],
        "the end of probes",
    )


def test_a_member_is_asked_until_it_is_writable_with_a_standby(probing: Callable[..., object]) -> None:
    database = Database("refused", "refused", (False, 0), (True, 0), (True, 1))
    prober, found, lines = probing(database)  # type: ignore[misc]
    until(lambda: found)
    assert found == [("db2", prober.token)]
    # Each state once, whatever the number of questions.
    assert lines == [
        "probe: db2: refused",
        "probe: db2: is in recovery",
        "probe: db2: has no standby that confirms writes",
    ]
    assert database.connections == 3
    until(lambda: database.closed == 3)


@pytest.mark.parametrize("answer", [(False, 0), (False, 2), (True, 0), "no answer"])
def test_a_member_that_is_not_ready_is_never_reported(answer: Answer, probing: Callable[..., object]) -> None:
    database = Database(answer)
    _, found, _ = probing(database)  # type: ignore[misc]
    until(lambda: len(database.asked) > 0)
    threading.Event().wait(0.05)
    assert found == []


def test_one_member_alone_needs_no_standby(probing: Callable[..., object]) -> None:
    _, found, _ = probing(Database((True, 0)), quorum=False)  # type: ignore[misc]
    until(lambda: found)


def test_another_member_takes_the_place_of_the_one_that_is_asked(probing: Callable[..., object]) -> None:
    database = Database((False, 0))
    prober, found, _ = probing(database)  # type: ignore[misc]
    until(lambda: database.asked == ["db2"])
    prober.start("db3")
    until(lambda: database.asked == ["db2", "db3"])
    until(lambda: database.closed == 1, "the end of the first probe")
    database.answers = [(True, 1)]
    until(lambda: found == [("db3", prober.token)])
