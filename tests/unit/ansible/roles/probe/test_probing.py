"""Workers that a device holds, the server's socket, the file of settings and the figures."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from probing import metrics, server
from probing.config import Config, Volume, read
from probing.judge import Asked, Judge
from probing.outcome import FINE, Outcome
from probing.server import QUESTION, Server
from probing.worker import Turn, Worker

#: Seconds in which a thread of the test's own gets to where it is waited for.
SOON = 10


def test_a_turn_that_hangs_is_under_way_and_no_second_one_begins() -> None:
    began, held = threading.Semaphore(0), threading.Event()

    def task() -> Outcome:
        began.release()
        held.wait(SOON)
        return FINE

    worker = Worker("data", task, 0.01)
    worker.start()
    assert began.acquire(timeout=SOON)
    assert not began.acquire(timeout=0.2)
    assert (worker.turn.begun, worker.turn.ended) == (1, 0)
    held.set()
    assert began.acquire(timeout=SOON)


def test_errors_in_a_row_are_counted_and_end_with_a_turn_that_has_none() -> None:
    said = iter([Outcome("error"), Outcome("error"), FINE, Outcome("error")])
    worker = Worker("data", lambda: next(said), 0.5)
    found = []
    for _ in range(4):
        worker.once()
        found.append((worker.turn.ended, worker.turn.errors))
    assert found == [(1, 1), (2, 2), (3, 0), (4, 1)]


@pytest.fixture
def listens(tmp_path: Path) -> Iterator[tuple[socket.socket, Path]]:
    path = tmp_path / "socket"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(path))
        listening.listen()
        yield listening, path


def answering(listening: socket.socket, answer: bytes, silent: int = 0) -> Callable[[], list[bytes]]:
    """A server that leaves the first `silent` connections without an answer; what it was asked."""
    asked: list[bytes] = []
    kept = []

    def serve() -> None:
        for number in range(silent + 1):
            connection, _ = listening.accept()
            kept.append(connection)
            asked.append(connection.recv(64))
            if number == silent:
                connection.sendall(answer)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def found() -> list[bytes]:
        thread.join(SOON)
        return asked

    return found


@pytest.mark.parametrize("answer", [b"S", b"N", b"E"])
def test_whatever_the_server_says_is_an_answer(listens: tuple[socket.socket, Path], answer: bytes) -> None:
    asked = answering(listens[0], answer)
    assert Server(listens[1])().kind == "fine"
    assert asked() == [QUESTION]


def test_a_connection_without_an_answer_is_tried_again(
    listens: tuple[socket.socket, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ANSWERS", 0.1)
    asked = answering(listens[0], b"S", silent=2)
    assert Server(listens[1])().kind == "fine"
    assert len(asked()) == 3


def test_a_full_queue_of_connections_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWERS", 0.2)
    path, outcomes = tmp_path / "socket", []
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(path))
        listening.listen(0)
        waits = threading.Thread(target=lambda: outcomes.append(Server(path)()), daemon=True)
        waits.start()
        waits.join(1)
        assert outcomes == []
    waits.join(SOON)
    assert [one.kind for one in outcomes] == ["absent"]


def test_a_server_that_does_not_run_is_absent(listens: tuple[socket.socket, Path], tmp_path: Path) -> None:
    assert Server(tmp_path / "none")().kind == "absent"
    listens[0].close()
    outcome = Server(listens[1])()
    assert (outcome.kind, outcome.why) == ("absent", f"{listens[1]}: Connection refused")


def test_a_server_that_hangs_up_is_absent(listens: tuple[socket.socket, Path]) -> None:
    answering(listens[0], b"")
    assert Server(listens[1])().kind == "absent"


GIVEN = {
    "period_ms": 500,
    "failures": 3,
    "connection_ms": 4000,
    "socket": "/run/postgresql/.s",
    "metrics": "/run/flashtier-probe/probe.prom",
    "volumes": [{"name": "flash", "mount_point": "/v/f", "folder": "/v/f/own", "deadline_ms": 2530}],
}
CONFIG = Config(
    volumes=(Volume("flash", Path("/v/f"), Path("/v/f/own"), 2.53),),
    period=0.5,
    failures=3,
    connection=4.0,
    socket=Path("/run/postgresql/.s"),
    metrics=Path("/run/flashtier-probe/probe.prom"),
)


def test_settings_are_read_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    file.write_text(json.dumps(GIVEN))
    assert read(file) == CONFIG


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"volumes": []}, "volumes is empty"),
        ({"period_ms": "x"}, "TypeError"),
        ({"volumes": [{}]}, "KeyError 'name'"),
    ],
)
def test_settings_that_cannot_be_used_are_named_with_the_fix(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    file = tmp_path / "probe.json"
    file.write_text(json.dumps(GIVEN | change))
    with pytest.raises(ValueError, match="run the role probe") as error:
        read(file)
    assert says in str(error.value)
    assert str(error.value).startswith(f"{file}: ")


def test_figures_have_one_series_a_state_and_are_replaced_as_a_whole(tmp_path: Path) -> None:
    judge = Judge(("data",), 3)
    report = judge.look({"data": Asked(Turn(1, 1, FINE, 0.0021), 2.53, "flash")}, 0.0)
    text = metrics.text(CONFIG, report, judge.parts)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines[:3] == [
        'flashtier_probe_seconds{part="data",volume="flash"} 0.0021',
        'flashtier_probe_longest_seconds{part="data"} 0.0021',
        'flashtier_probe_lost_total{part="data"} 0.0',
    ]
    states = [line for line in lines if line.startswith("flashtier_probe_state")]
    assert [line for line in states if line.endswith(" 1.0")] == [
        'flashtier_probe_state{part="data",state="fine"} 1.0'
    ]
    assert len(states) == 6
    assert 'flashtier_probe_volume_deadline_seconds{volume="flash"} 2.53' in lines
    file = tmp_path / "probe.prom"
    for _ in range(2):
        metrics.write(file, text)
    assert [one.name for one in tmp_path.iterdir()] == ["probe.prom"]
    assert file.read_text() == text
