"""The loop as a whole, with a pgBouncer that answers as the real one: files, state, restarts, the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from follower import ini
from follower.config import Config
from follower.holds import Key, Seen
from tests.support.console import Pooler, listening
from tests.support.daemons import HOLD, Running, saved, started
from tests.support.gateway import until

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def pooler(config: Config) -> Iterator[Pooler]:
    with listening(Path(config.console), config.databases_file, photos="10.0.0.1") as found:
        yield found


@pytest.fixture
def running(config: Config, pooler: Pooler) -> Iterator[Running]:
    """db1 leads and takes writes."""
    found = started(config)
    found.daemon.seen(Seen("db1"))
    found.writable("db1")
    until(lambda: found.probe.token is None, "the settled leader")
    yield found
    found.end()


def test_a_failover_from_the_lost_key_to_the_new_leader(
    running: Running, pooler: Pooler, config: Config
) -> None:
    running.daemon.seen(Seen(None))
    until(lambda: running.published[-1]["state"] == "held")
    assert running.published[-1] | {"since": 0} == {
        "host": "web1", "state": "held", "holds": ["leader"], "leader": None, "since": 0,
    }  # fmt: skip
    assert pooler.paused == {"photos": True}
    running.daemon.seen(Seen("db2"))
    running.writable("db2")
    until(lambda: running.published[-1]["state"] == "serving")
    assert pooler.hosts == {"photos": "10.0.0.2"}
    assert config.databases_file.read_text().splitlines()[1:] == [
        "[databases]",
        "photos = host=10.0.0.2 port=5432 dbname=photos pool_size=10",
    ]
    # Pools lead to the new member before a statement goes through.
    assert pooler.commands.index("RELOAD") < pooler.commands.index('RESUME "photos"')
    assert saved(config)["leader"] == "db2"
    assert any("held for" in line for line in running.lines)


def test_an_answer_about_a_time_before_resumes_nothing(running: Running, pooler: Pooler) -> None:
    running.daemon.seen(Seen("db2"))
    until(lambda: running.probe.asked[-1] == "db2")
    old = running.probe.token
    running.daemon.seen(Seen(None))
    running.daemon.seen(Seen("db2"))
    until(lambda: running.probe.asked.count("db2") == 2)
    running.daemon.writable("db2", old)
    running.daemon.seen(Seen("db2"))
    until(lambda: running.daemon.events.empty())
    assert running.daemon.holds.memory.settled is False


def test_a_hold_that_statements_keep_from_its_end_is_not_acknowledged(
    running: Running, pooler: Pooler
) -> None:
    pooler.busy, pooler.stubborn = {1}, True
    running.daemon.seen(Seen(None))
    until(lambda: any("still under way" in line for line in running.lines))
    assert set(running.states) == {"serving"}
    pooler.busy, pooler.stubborn = set(), False
    until(lambda: running.states[-1] == "held", "the next attempt")


def test_a_hold_ends_by_itself(running: Running, pooler: Pooler) -> None:
    running.daemon.seen(Seen("db1", (Key("db1", "switchover", 5, 5, 0.2),)))
    until(lambda: pooler.paused["photos"])
    until(lambda: not pooler.paused["photos"])
    assert pooler.asked("RESUME") == ['RESUME "photos"']


def test_a_restarted_pgbouncer_is_paused_again_while_something_holds(
    running: Running, pooler: Pooler
) -> None:
    running.daemon.seen(Seen(None))
    until(lambda: pooler.paused["photos"])
    pooler.restart()
    until(lambda: pooler.paused["photos"], "the second pause")
    until(lambda: not pooler.paused["photos"], "the end of the hold")


def test_pools_that_somebody_paused_are_resumed(running: Running, pooler: Pooler) -> None:
    pooler.paused["photos"] = True
    until(lambda: not pooler.paused["photos"])


def test_pools_that_lead_elsewhere_are_set_right(running: Running, pooler: Pooler) -> None:
    pooler.hosts["photos"] = "10.9.9.9"
    until(lambda: pooler.hosts["photos"] == "10.0.0.1")


def test_a_stop_resumes_what_it_holds(running: Running, pooler: Pooler) -> None:
    running.daemon.seen(Seen(None, (Key("db1", "test", 5, 5, 60.0),)))
    until(lambda: pooler.paused["photos"])
    running.end()
    assert pooler.paused == {"photos": False}


def test_the_next_process_ends_a_hold_when_the_one_before_would_have(config: Config, pooler: Pooler) -> None:
    first = started(config)
    first.daemon.seen(Seen("db1"))
    first.writable("db1")
    first.daemon.seen(Seen(None))
    until(lambda: pooler.paused["photos"] and saved(config)["state"] == "held")
    text = config.state_file.read_text()
    first.end()
    # As if it had been killed: the state file of the hold, and pools that are still paused.
    config.state_file.write_text(text)
    pooler.paused["photos"] = True
    second = started(config)
    until(lambda: second.states[-1:] == ["held"])
    assert pooler.paused["photos"]
    until(lambda: not pooler.paused["photos"], "the end of the hold")
    second.end()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"memory": null}', '{"memory": {"boot": "this boot"}}']
)
def test_a_state_file_that_cannot_be_read_is_none(text: str, config: Config, pooler: Pooler) -> None:
    config.state_file.write_text(text)
    pooler.paused["photos"] = True
    found = started(config)
    until(lambda: not pooler.paused["photos"])
    found.end()


def test_a_state_file_of_another_boot_is_none(config: Config, pooler: Pooler) -> None:
    first = started(config)
    first.daemon.seen(Seen("db1"))
    until(lambda: config.state_file.is_file() and saved(config)["leader"] == "db1")
    first.end()
    second = started(config, boot="the next boot")
    assert second.daemon.holds.memory.leader is None
    second.end()


def test_without_a_pgbouncer_the_list_is_made_and_it_is_asked_for(config: Config) -> None:
    found = started(config)
    assert ini.address(config.databases_file.read_text(), "photos") == "10.0.0.1"
    until(lambda: any("No such file" in line for line in found.lines))
    until(lambda: config.state_file.is_file())
    assert saved(config)["pgbouncer"] != "answers"
    found.daemon.seen(Seen("db2"))
    with listening(Path(config.console), config.databases_file, photos="10.0.0.1") as pooler:
        until(lambda: pooler.hosts["photos"] == "10.0.0.2")
        found.end()
        assert pooler.paused == {"photos": False}
    assert len([line for line in found.lines if "No such file" in line]) == 1


def test_a_list_that_is_there_is_left_as_it_is(config: Config, pooler: Pooler) -> None:
    there = ini.rendered([(pool, "10.0.0.2") for pool in config.pools], config.database_port)
    config.databases_file.write_text(there)
    found = started(config)
    assert config.databases_file.read_text() == there
    until(lambda: pooler.asked("SHOW DATABASES") != [], "the first check")
    found.end()
    assert pooler.asked("RELOAD") == []


def test_a_reload_that_pgbouncer_did_not_take_is_said_and_tried_again(
    running: Running, pooler: Pooler
) -> None:
    pooler.list_file, kept = None, pooler.list_file
    running.daemon.seen(Seen("db2"))
    until(lambda: any("RELOAD left the pools where they were" in line for line in running.lines))
    pooler.list_file = kept
    until(lambda: pooler.hosts["photos"] == "10.0.0.2")


def test_a_leader_that_has_no_address_here_holds_no_longer_than_any(running: Running, pooler: Pooler) -> None:
    running.daemon.seen(Seen("db9"))
    until(lambda: any("db9 leads and is none of" in line for line in running.lines))
    end = time.monotonic() + HOLD * 3
    until(lambda: not pooler.paused["photos"] and time.monotonic() > end - HOLD)
    assert pooler.hosts == {"photos": "10.0.0.1"}


def test_files_are_readable_and_replaced_whole(running: Running, config: Config) -> None:
    for path in (config.databases_file, config.state_file):
        assert path.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in config.state_file.parent.glob(".databases*")] == []


def test_a_list_that_cannot_be_written_holds_nothing_up(
    running: Running, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ini, "write", full)
    running.daemon.seen(Seen("db2"))
    until(lambda: any("No space left" in line for line in running.lines))
    until(lambda: not pooler.paused["photos"], "the end of the hold")


def test_after_a_hold_that_brought_no_leader_nothing_waits(running: Running, pooler: Pooler) -> None:
    pooler.waiting, pooler.connected = {1, 2}, False
    running.daemon.seen(Seen(None))
    until(lambda: running.published[-1]["state"] == "held", "the hold")
    assert pooler.asked("KILL") == []
    until(lambda: not pooler.waiting, "the end of the waits")
    assert running.published[-1]["state"] == "serving"
    assert pooler.commands.index('RESUME "photos"') < pooler.commands.index("KILL_CLIENT 1")
    assert any("ended 2 statements that waited" in line for line in running.lines)


def test_without_a_hold_a_statement_waits_as_long_as_one_would(running: Running, pooler: Pooler) -> None:
    """HOLD is 1 s here: client 0 has waited for half a second."""
    pooler.waiting, pooler.connected = {0, 1}, False
    until(lambda: pooler.waiting == {0}, "the end of the longer wait")
    asked = len(pooler.asked("SHOW POOLS"))
    until(lambda: len(pooler.asked("SHOW POOLS")) > asked + 1, "two more checks")
    assert pooler.waiting == {0}
