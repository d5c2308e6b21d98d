"""Pure: an environment -> every PostgreSQL setting that the kit manages, each with its reason and source.

Values are written as `SHOW` prints them (`1GB`, never `1024MB`), so that "declared equals effective" compares
two strings. Paths, addresses and names are not here: the role `postgresql` adds them without arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator

from infra.environment import Environment, VolumeClass
from infra.environment.volumes import FLASH_CLASSES
from infra.errors import EnvironmentInvalid
from infra.settings import postgresql_fixed as fixed
from infra.settings.postgresql_fixed import FACTS, STALL, manual
from infra.settings.postgresql_sizing import (
    RESERVED_CONNECTIONS,
    Disk,
    Memory,
    disk,
    faults,
    max_connections,
    memory,
    other_applications,
)
from infra.settings.setting import Owner, PostgresqlSetting


def settings(environment: Environment) -> tuple[PostgresqlSetting, ...]:
    """The managed settings of every database member, each name once.

    Raises `EnvironmentInvalid`, one line a fault, when no setting can make the environment work: too many
    connections, too little memory for them, or a volume without room for WAL or temporary files.
    """
    if found := faults(environment):
        raise EnvironmentInvalid(found)
    database = environment.database
    data = database.volume(database.placement.data).volume_class
    wal = database.volume(database.placement.wal).volume_class
    shared, room = memory(environment), disk(environment)
    return (
        *_connections(environment),
        *fixed.CONNECTIONS,
        *_memory(shared),
        *fixed.MEMORY,
        *_processes(database.size.vcpus),
        *_device(data),
        *_wal(room, wal),
        *fixed.DURABILITY,
        *fixed.CLUSTER,
        *_replication(database.members, room),
        *fixed.REPLICATION,
        *_planner(shared, data),
        *fixed.PLANNER,
        *_autovacuum(shared, data),
        *fixed.AUTOVACUUM,
        *fixed.TIMEOUTS,
        *fixed.LOGS,
        *fixed.STATISTICS,
    )


def size_text(kib: int) -> str:
    """A size in KiB as `SHOW` prints it: in the largest unit that divides it."""
    for unit, factor in (("TB", 1 << 30), ("GB", 1 << 20), ("MB", 1 << 10)):
        if kib and kib % factor == 0:
            return f"{kib // factor}{unit}"
    return f"{kib}kB"


def _mib(mib: int) -> str:
    return size_text(mib << 10)


def _set(name: str, value: str | int, reason: str, source: str, owner: Owner = "file") -> PostgresqlSetting:
    return PostgresqlSetting(name=name, value=str(value), reason=reason, source=source, owner=owner)


def _by_class(volume_class: VolumeClass, *, flash: str, network: str) -> str:
    return flash if volume_class in FLASH_CLASSES else network


def _connections(environment: Environment) -> Iterator[PostgresqlSetting]:
    others = other_applications(environment)
    beside = f"{others} for other applications, " if others else ""
    yield _set(
        "max_connections",
        max_connections(environment),
        f"{environment.app.connections} for each of {environment.web.count} web hosts, as many again while "
        "two releases overlap on one, "
        f"{beside}and {RESERVED_CONNECTIONS} for migrations, backups, monitoring and people",
        manual("19.3"),
        "dcs",
    )


def _memory(m: Memory) -> Iterator[PostgresqlSetting]:
    source = manual("19.4.1")
    yield _set("shared_buffers", _mib(m.shared_buffers), "a quarter of the host's memory", source)
    yield _set(
        "work_mem",
        size_text(m.work_mem_kib),
        f"what the memory has left when each of {m.backends} processes hashes once, at most 256 MB",
        source,
    )
    yield _set(
        "maintenance_work_mem",
        _mib(m.maintenance),
        "a sixteenth of the memory, 32 MB to 2 GB: one at a time",
        source,
    )
    yield _set(
        "autovacuum_work_mem",
        _mib(m.autovacuum),
        "a thirty-second of the memory, 16 MB to 1 GB, a worker",
        source,
    )


def _processes(vcpus: int) -> Iterator[PostgresqlSetting]:
    source = manual("19.4.6")
    yield _set("max_worker_processes", vcpus + 6, "parallel workers, and room for extensions", source, "dcs")
    yield _set("max_parallel_workers", vcpus, "no more than there are cores", source)
    yield _set(
        "max_parallel_workers_per_gather", min(2, vcpus // 2), "one long query leaves cores to others", source
    )
    yield _set(
        "max_parallel_maintenance_workers", min(4, vcpus // 2), "an index build leaves half the cores", source
    )


def _device(data: VolumeClass) -> Iterator[PostgresqlSetting]:
    # Little's law: requests under way = IOPS x latency. 400,000 x 0.125 ms = 50 and 3,000 x 1.4 ms = 4.
    depth = _by_class(data, flash="64", network="4")
    queue = f"{FACTS}, ebs.latency.queue_rule: i4i.4xlarge 400,000 IOPS at 0.125 ms, gp3 3,000 at 1.4 ms"
    yield _set("effective_io_concurrency", depth, "keeps the device busy without a queue", queue)
    yield _set(
        "maintenance_io_concurrency", depth, "as for queries: a vacuum must not queue before them", queue
    )
    yield _set(
        "bgwriter_delay",
        _by_class(data, flash="10ms", network="20ms"),
        "dirty pages leave steadily instead of when a query needs their place",
        STALL,
    )
    yield _set(
        "bgwriter_lru_maxpages",
        _by_class(data, flash="1000", network="800"),
        "the default of 100 leaves most writes of a burst to the queries themselves",
        STALL,
    )


def _wal(room: Disk, wal: VolumeClass) -> Iterator[PostgresqlSetting]:
    yield _set(
        "wal_buffers", _mib(room.wal_buffers), "a burst is accepted without waiting for the device", STALL
    )
    yield _set(
        "max_wal_size",
        _mib(room.max_wal_size),
        "half of the volume's room, since it is a soft limit; at most what a tenfold burst writes in 15 min",
        f"{FACTS}, sizing.max_wal_size_gib, 111 in the vector `base`",
    )
    yield _set(
        "min_wal_size", _mib(room.min_wal_size), "a quarter of max_wal_size stays ready for a burst", STALL
    )
    yield _set(
        "commit_delay",
        _by_class(wal, flash="0", network="400"),
        "microseconds, half of a durable write on gp3 (859): commits share one; flash is faster than a wait",
        f"{manual('19.5.1')}; {FACTS}, ebs.latency.measured_4k_durable_write_us",
    )


def _replication(members: int, room: Disk) -> Iterator[PostgresqlSetting]:
    source = manual("19.6")
    senders = 2 * members + 4
    yield _set(
        "max_wal_senders",
        senders,
        "two a member (stream and copy), four for backups and tools",
        source,
        "dcs",
    )
    yield _set("max_replication_slots", senders, "one for each sender", source, "dcs")
    yield _set(
        "wal_keep_size",
        _mib(min(room.slot_keep, 1024)),
        "what a new member may miss between its copy and its first connection, which gets a slot",
        source,
        "dcs",
    )
    yield _set(
        "max_slot_wal_keep_size",
        _mib(room.slot_keep),
        "a quarter of the volume's room for WAL: a member that stays away cannot fill the disk of the others",
        f"{source}; {FACTS}, ephemeral.replication.postgresql",
    )
    yield _set(
        "temp_file_limit",
        _mib(room.temp_file_limit),
        "one process takes half of the room at most",
        manual("19.4.2"),
    )


def _planner(m: Memory, data: VolumeClass) -> Iterator[PostgresqlSetting]:
    source = manual("19.7.2")
    yield _set(
        "effective_cache_size",
        _mib(m.effective_cache),
        "the page cache counts, what processes hold does not",
        source,
    )
    yield _set(
        "random_page_cost",
        _by_class(data, flash="1.1", network="4"),
        "flash reads at random as in sequence; gp3 gives 16,000 pages/s in sequence and 3,000 at random",
        f"{source}; {FACTS}, ebs.limits.gp3",
    )


def _autovacuum(m: Memory, data: VolumeClass) -> Iterator[PostgresqlSetting]:
    yield _set(
        "autovacuum_max_workers", m.autovacuum_workers, "the default; they share one limit", manual("19.10")
    )
    # limit = pages/s x 20 (vacuum_cost_page_dirty) x 2 ms (autovacuum_vacuum_cost_delay).
    yield _set(
        "autovacuum_vacuum_cost_limit",
        _by_class(data, flash="550", network="60"),
        "half of the device's writes, 13,750 or 1,500 pages/s; queries keep the other half",
        f"{manual('19.10')}; {FACTS}, instances i4i.large w_iops 27,500, ebs.limits.gp3 3,000",
    )
