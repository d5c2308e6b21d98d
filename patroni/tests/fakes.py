"""A primary with its walsenders, as Patroni reads it, and the key /sync: enough to lose a commit with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

LEADER = "db1"


class Clock:
    """Stands where a module of Patroni has `time`: sleeping passes time, and lets walsenders reload."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Walsender:
    """One connection. It goes by the names that it has read, and confirms what its standby has flushed."""

    name: str
    flushed: int
    reads: str = ""
    reloads_at: float = 0.0
    stalled: bool = False


@dataclass
class Primary:
    """What Patroni asks of PostgreSQL, and what clients see: which commits were acknowledged."""

    modules: Any
    clock: Clock
    written: str = ""  # synchronous_standby_names in the file
    names: str = ""  # as the postmaster has read it, and with it new connections and Patroni's session
    position: int = 100
    acknowledged: int = 0
    postmaster_takes: float = 0.0
    reload_takes: float = 0.0
    primary: bool = True
    #: Runs once between what one query reads: the position first, then what the walsenders confirmed.
    meanwhile: Callable[[], object] | None = None
    walsenders: dict[str, Walsender] = field(default_factory=dict)
    name: str = LEADER
    state: str = "running"
    supports_multiple_sync: bool = True
    supports_quorum_commit: bool = True

    def __post_init__(self) -> None:
        self.read_at = self.clock.now
        self.answer: tuple[int, list[dict[str, Any]]] | None = None
        self.config = SimpleNamespace(set_synchronous_standby_names=self.reload)
        self.restart_patroni()

    def restart_patroni(self) -> None:
        self.sync_handler = self.modules.sync.SyncHandler(self)

    # What happens to the server.

    def reload(self, value: str | None) -> bool:
        changed, self.written = self.written != (value or ""), value or ""
        self.read_at = self.clock.now + self.postmaster_takes
        for walsender in self.walsenders.values():
            walsender.reloads_at = self.read_at + self.reload_takes
        return changed

    def connect(self, name: str, flushed: int | None = None) -> Walsender:
        at = self.position if flushed is None else flushed
        self.walsenders[name] = Walsender(name, at, self.synchronous_standby_names(), self.read_at)
        return self.walsenders[name]

    def commit(self) -> bool:
        """Whether a client gets its answer."""
        self.position += 10
        for walsender in self.walsenders.values():
            if not walsender.stalled:
                walsender.flushed = self.position
        return self.deliver()

    def deliver(self) -> bool:
        """Release the commits that enough walsenders confirm, each by the names that it has read."""
        for walsender in self.walsenders.values():
            parsed = self._parsed(walsender)
            peers = [
                w for w in self.walsenders.values() if self._counted(w) and w.flushed >= walsender.flushed
            ]
            if self._counted(walsender) and len(peers) >= parsed.num:
                self.acknowledged = max(self.acknowledged, walsender.flushed)
        return self.acknowledged >= self.position

    def _parsed(self, walsender: Walsender) -> Any:
        if walsender.reloads_at <= self.clock.now:
            walsender.reads = self.written
        return self.modules.sync.parse_sync_standby_names(walsender.reads)

    def _counted(self, walsender: Walsender) -> bool:
        members = self._parsed(walsender).members
        return walsender.name in members or "*" in members

    # What Patroni reads.

    def synchronous_standby_names(self) -> str:
        if self.read_at <= self.clock.now:
            self.names = self.written
        return self.names

    def _query(self) -> tuple[int, list[dict[str, Any]]]:
        if self.answer is None:
            position = self.position
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()
            self.answer = (position, [self._row(w) for w in self.walsenders.values()])
        return self.answer

    def _row(self, walsender: Walsender) -> dict[str, Any]:
        state = "quorum" if self._counted(walsender) else "async"
        lsn = dict.fromkeys(("write_lsn", "flush_lsn", "replay_lsn"), walsender.flushed)
        return {"pid": id(walsender), "application_name": walsender.name, "sync_state": state, **lsn}

    def pg_stat_replication(self) -> list[dict[str, Any]]:
        return self._query()[1]

    def last_operation(self) -> int:
        return self._query()[0]

    def synchronous_commit(self) -> str:
        return "on"

    @property
    def role(self) -> str:
        return "primary" if self.primary else "replica"

    def is_primary(self) -> bool:
        return self.primary

    def get_primary_timeline(self) -> int:
        return 1

    def reset_cluster_info_state(self, *_: Any) -> None:
        self.answer = None

    def query(self, *_: Any) -> list[Any]:
        return []


class Cluster:
    """A leader and its standbys; `cycle` is what one cycle of Patroni on the leader does to replication."""

    def __init__(self, modules: Any, *standbys: str) -> None:
        self.modules = modules
        self.clock = Clock()
        modules.ha.time = modules.sync.time = self.clock
        self.configure()
        self.primary = Primary(modules, self.clock)
        self.tags: dict[str, dict[str, Any]] = {name: {} for name in standbys}
        self.sync = modules.dcs.SyncState(1, LEADER, None, 0)
        self.primary.sync_handler.set_synchronous_standby_names([], 1)  # as before a promote
        for name in standbys:
            self.primary.connect(name)
        self.settle()

    def configure(self, **settings: Any) -> None:
        quorum = {"synchronous_mode": "quorum", "synchronous_mode_strict": True, "synchronous_node_count": 1}
        self.modules.settings(quorum | settings)

    def members(self) -> list[Any]:
        return [
            self.modules.dcs.Member(
                1, name, None, {"state": "running", "conn_url": f"postgres://{name}/", "tags": tags}
            )
            for name, tags in self.tags.items()
        ]

    def write_sync_state(self, leader: str, voters: Any, quorum: int, version: int) -> Any:
        assert version == self.sync.version
        self.sync = self.modules.dcs.SyncState(
            version + 1, leader, ",".join(sorted(voters or [])) or None, quorum
        )
        return self.sync

    def cycle(self) -> None:
        this = SimpleNamespace(
            state_handler=self.primary,
            cluster=SimpleNamespace(sync=self.sync, members=self.members()),
            dcs=SimpleNamespace(write_sync_state=self.write_sync_state, loop_wait=2),
        )
        this._maybe_enable_synchronous_mode = lambda: self.sync
        self.primary.reset_cluster_info_state()
        self.modules.ha.Ha._process_quorum_replication(this)
        self.clock.sleep(2)

    def settle(self) -> None:
        for _ in range(5):
            self.cycle()

    def loses(self, *dead: str) -> bool:
        """Whether a standby without an acknowledged commit may be elected when leader and `dead` are gone."""
        voters = set(self.sync.voters)
        alive = {name: w.flushed for name, w in self.primary.walsenders.items() if name not in dead}
        for name, flushed in alive.items():
            votes = (0 if name in voters else -1) + sum(
                other in voters and other != name and at <= flushed for other, at in alive.items()
            )
            if votes >= self.sync.quorum and flushed < self.primary.acknowledged:
                return True
        return False
