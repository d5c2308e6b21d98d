"""patches/3717: a standby keeps its upstream for a while in which no other is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import Clock

Load = Callable[[bool], Any]
#: Seconds.
LOOP_WAIT = 2
#: primary_conninfo as Patroni writes it on db2, for a leader at this address.
UPSTREAM = (
    "dbname=postgres user=replicator host=10.0.0.1 port=5432 sslmode=prefer application_name=db2 "
    "gssencmode=prefer channel_binding=prefer sslnegotiation=postgres"
)


class Standby:
    """A running standby of db1: what Ha.follow asks of it, with Patroni's own ConfigHandler."""

    def __init__(self, modules: Any, folder: Path) -> None:
        modules.settings({})
        self.name, self.data_dir, self.scope = "db2", str(folder), "x"
        self.major_version, self.database = 170000, "postgres"
        self.role, self.cb_called = "replica", True
        self.bootstrap = SimpleNamespace(running_custom_bootstrap=False)
        self.mpp_handler = SimpleNamespace(adjust_postgres_gucs=lambda parameters: None)
        self.connection_pool = SimpleNamespace()
        self.proxy_url = self.connection_string = None
        self.state = "stopped"
        self.parameters = {"primary_conninfo": UPSTREAM, "primary_slot_name": "db2"}
        settings = {
            "listen": "10.0.0.2:5432",
            "parameters": {},
            "authentication": {"replication": {"username": "replicator"}},
            "pgpass": str(folder / "pgpass"),
        }
        self.set_pending_restart_reason: Callable[[Any], None] = lambda reason: None
        self.config = modules.config.ConfigHandler(self, settings)
        self.config._get_pg_settings = self.pg_settings
        (folder / "standby.signal").touch()
        self.state = "running"
        self.followed: list[str | None] = []

    def pg_settings(self, names: Any) -> dict[str, tuple[Any, ...]]:
        wanted = dict.fromkeys(names, "") | {"recovery_target_timeline": "latest"} | self.parameters
        wanted["recovery_min_apply_delay"] = "0"
        return {name: (name, value, None, "string", "sighup", None) for name, value in wanted.items()}

    def follow(self, member: Any, role: str, do_reload: bool = False) -> None:
        self.followed.append(
            self.config.build_recovery_params(member).get("primary_conninfo", {}).get("host")
        )

    def is_starting(self) -> bool:
        return False

    def is_primary(self) -> bool:
        return False

    def is_running(self) -> Any:
        return None

    def handle_parameter_change(self) -> None:
        return

    def primary_conninfo(self) -> str:
        return self.parameters["primary_conninfo"]

    def primary_slot_name(self) -> str:
        return self.parameters["primary_slot_name"]


def follow(
    modules: Any,
    folder: Path,
    leader: Any,
    nostream: bool = False,
    signal: bool = True,
    unknown: float = 0.0,
    seen: Any = None,
) -> list[str | None]:
    """The hosts that the standby is made to follow; None: no host.

    `unknown`: seconds for which no one was known. `seen`: a leader that it followed just before that.
    """
    clock = Clock()
    modules.ha.time = clock
    standby = Standby(modules, folder)
    if not signal:
        (folder / "standby.signal").unlink()
    this = SimpleNamespace(
        state_handler=standby,
        cluster=SimpleNamespace(leader=leader, is_unlocked=lambda: leader is None),
        patroni=SimpleNamespace(nostream=nostream, replicatefrom=None),
        dcs=SimpleNamespace(loop_wait=LOOP_WAIT),
        _upstream_known=clock.time(),
        is_paused=lambda: False,
        is_standby_cluster=lambda: False,
        has_lock=lambda info=True: False,
        _leader_timeline=None,
        _last_timeline=None,
        _async_executor=SimpleNamespace(try_run_async=lambda action, run, args: run(*args)),
        _handle_rewind_or_reinitialize=lambda: None,
        _rewind=SimpleNamespace(trigger_check_diverged_lsn=lambda: None),
    )
    this._get_node_to_follow = lambda cluster: modules.ha.Ha._get_node_to_follow(this, cluster)
    if seen is not None:
        clock.sleep(60)
        this.cluster.leader = seen
        assert modules.ha.Ha.follow(this, "demoted", "following", refresh=False) == "following"
        this.cluster.leader = leader
    clock.sleep(unknown)
    assert modules.ha.Ha.follow(this, "demoted", "following", refresh=False) == "following"
    return standby.followed


def leader(modules: Any, name: str, data: dict[str, Any]) -> Any:
    return modules.dcs.Leader(1, "lease", modules.dcs.Member(1, name, "lease", data))


@pytest.mark.parametrize("patched", [False, True])
def test_there_is_no_leader_for_a_moment(load: Load, patched: bool, tmp_path: Path) -> None:
    assert follow(load(patched), tmp_path, None) == ([] if patched else [None])


@pytest.mark.parametrize("patched", [False, True])
def test_nothing_is_known_of_the_leader_but_its_name(load: Load, patched: bool, tmp_path: Path) -> None:
    modules = load(patched)
    assert follow(modules, tmp_path, leader(modules, "db1", {})) == ([] if patched else [None])


@pytest.mark.parametrize(("unknown", "wanted"), [(2 * LOOP_WAIT, []), (2 * LOOP_WAIT + 1, [None])])
@pytest.mark.parametrize("data", [None, {}], ids=["no leader", "its name alone"])
def test_after_two_turns_it_is_cut_off(
    load: Load, unknown: float, wanted: list[str | None], data: dict[str, Any] | None, tmp_path: Path
) -> None:
    """A primary that no one has named for longer may be one that must not be followed."""
    modules = load(True)
    found = None if data is None else leader(modules, "db1", data)
    assert follow(modules, tmp_path, found, unknown=unknown) == wanted


def test_the_time_counts_from_the_last_leader_that_was_known(load: Load, tmp_path: Path) -> None:
    modules = load(True)
    known = leader(modules, "db1", {"conn_url": "postgres://10.0.0.1:5432/postgres"})
    assert follow(modules, tmp_path, None, unknown=2 * LOOP_WAIT, seen=known) == []


@pytest.mark.parametrize(("host", "wanted"), [("10.0.0.1", []), ("10.0.0.3", ["10.0.0.3"])])
def test_a_leader_is_followed_when_it_is_another(
    load: Load, host: str, wanted: list[str], tmp_path: Path
) -> None:
    modules = load(True)
    found = leader(modules, "db3", {"conn_url": f"postgres://{host}:5432/postgres"})
    assert follow(modules, tmp_path, found) == wanted


def test_a_standby_that_must_not_stream_is_cut_off(load: Load, tmp_path: Path) -> None:
    assert follow(load(True), tmp_path, None, nostream=True) == [None]


def test_a_server_that_would_not_stay_a_standby_is_made_one(load: Load, tmp_path: Path) -> None:
    assert follow(load(True), tmp_path, None, signal=False) == [None]
