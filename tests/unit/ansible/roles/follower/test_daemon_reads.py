"""The pool for reads that may be stale, in the loop as a whole; and a list of pools that was another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from follower import ini
from follower.config import Config
from follower.holds import Seen
from follower.ini import Pool
from tests.support.console import Pooler, listening
from tests.support.daemons import Running, saved, started
from tests.support.gateway import until

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def reading(config: Config, tmp_path: Path) -> Iterator[tuple[Running, Pooler]]:
    """db1 leads and takes writes, and there is a pool for reads that may be stale."""
    stale = replace(config, read_pools=(Pool("photos_read", "photos", {"pool_size": 5}),), max_lag=2.0)
    with listening(Path(config.console), config.databases_file, photos="x", photos_read="x") as pooler:
        found = started(stale)
        found.daemon.seen(Seen("db1"))
        found.writable("db1")
        until(lambda: pooler.hosts == {"photos": "10.0.0.1", "photos_read": "10.0.0.1"}, "both at the leader")
        until(lambda: found.probe.token is None, "the settled leader")
        yield found, pooler
        found.end()


def test_stale_reads_go_to_the_standby_and_back_to_the_leader(reading: tuple[Running, Pooler]) -> None:
    running, pooler = reading
    for member, address in (("db2", "10.0.0.2"), (None, "10.0.0.1")):
        running.daemon.reads(member)
        wanted = {"photos": "10.0.0.1", "photos_read": address}
        until(lambda wanted=wanted: pooler.hosts == wanted, "the pools' places")  # type: ignore[misc]
        until(lambda member=member: saved(running.daemon.config)["reads_from"] == member)  # type: ignore[misc]
    assert 'PAUSE "photos_read"' not in pooler.commands


@pytest.mark.parametrize("running_before", [True, False])
def test_what_is_said_before_pgbouncer_is_known_reaches_it(config: Config, running_before: bool) -> None:
    """A first play starts the follower before pgBouncer; a standby may be found before the leader is."""
    stale = replace(config, read_pools=(Pool("photos_read", "photos", {"pool_size": 5}),), max_lag=2.0)
    ini.write(config.databases_file, ini.rendered([(pool, "10.0.0.1") for pool in stale.pools], 5432))
    found = started(stale) if running_before else None
    if found:
        found.daemon.reads("db2")
        until(lambda: found.daemon.listing.reads_from == "db2", "the standby")
    with listening(Path(config.console), config.databases_file, photos="10.0.0.1", photos_read="x") as pooler:
        if not found:
            found = started(stale)
            found.daemon.reads("db2")
        found.daemon.seen(Seen("db1"))
        until(lambda: pooler.hosts == {"photos": "10.0.0.1", "photos_read": "10.0.0.2"}, "the pools' places")
        found.end()


def test_a_hold_leaves_stale_reads_alone_and_a_new_leader_leaves_them_where_they_are(
    reading: tuple[Running, Pooler],
) -> None:
    running, pooler = reading
    running.daemon.reads("db2")
    running.daemon.seen(Seen(None))
    until(lambda: running.published[-1]["state"] == "held", "the hold")
    assert pooler.paused == {"photos": True, "photos_read": False}
    assert running.daemon.leader() is None
    running.daemon.seen(Seen("db2"))
    running.writable("db2")
    until(lambda: running.published[-1]["state"] == "serving")
    assert pooler.hosts == {"photos": "10.0.0.2", "photos_read": "10.0.0.2"}
    assert running.daemon.leader() == "db2"


def test_a_list_of_other_pools_is_made_again_for_where_it_led(config: Config) -> None:
    """After a change of the settings, with a leader that stays: nothing else would write it."""
    old = Pool("photos", "photos", {"pool_size": 3})
    config.databases_file.write_text(ini.rendered([(old, "10.0.0.2")], 5432))
    new = replace(config, read_pools=(Pool("photos_read", "photos", {"pool_size": 5}),), max_lag=2.0)
    with listening(Path(config.console), config.databases_file, photos="10.0.0.2", photos_read="x") as pooler:
        found = started(new)
        until(lambda: pooler.hosts == {"photos": "10.0.0.2", "photos_read": "10.0.0.2"}, "the new list")
        assert config.databases_file.read_text().splitlines()[2:] == [
            "photos = host=10.0.0.2 port=5432 dbname=photos pool_size=10",
            "photos_read = host=10.0.0.2 port=5432 dbname=photos pool_size=5",
        ]
        found.end()
        again = started(new)
        until(lambda: len(pooler.asked("SHOW DATABASES")) > 3, "checks of the next process")
        again.end()
    assert len(pooler.asked("RELOAD")) == 1
