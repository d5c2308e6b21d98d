"""Pure: how PostgreSQL shares a member's memory and its WAL volume, and which environments cannot work.

All sizes are MiB unless the name says otherwise. Every share is floored: sums stay below what there is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from infra.environment import Environment
from infra.environment.sections import USABLE_SHARE

#: PostgreSQL's default: a hash may take this many times work_mem.
HASH_MEM_MULTIPLIER = 2
#: Connections other than the app's: 3 for a superuser, 5 for monitoring, 12 for followers that
#: ask whether a member takes writes, migrations, backups, people.
RESERVED_CONNECTIONS = 20
#: Of those: superuser_reserved_connections and reserved_connections (postgresql_fixed.py).
SERVERS_OWN_CONNECTIONS = 8
#: One process a connection: beyond this, page tables and snapshots cost more than the connections bring.
#: Source: docs/sizing-facts.md, sizing.pool_size_needed: 32 suffice for 100 million calls a day.
MOST_CONNECTIONS = 800
#: Below a megabyte the first sort of an ordinary page goes to disk.
LEAST_WORK_MEM_KIB = 1024
#: Below this, checkpoints chase each other in any burst. PostgreSQL's default is 1 GB.
LEAST_MAX_WAL = 256
#: Source: docs/sizing-facts.md, sizing vector `base`, max_wal_size_gib.
MOST_MAX_WAL = 111 << 10
#: max_wal_size counts in segments of this size.
WAL_SEGMENT = 16
#: Below this a sort of ordinary size ends in an error instead of on disk.
LEAST_TEMP_FILE_LIMIT = 64
AUTOVACUUM_WORKERS = 3
#: What a backend keeps for itself: 5.7 MiB of dirty pages were measured on PostgreSQL 17.12, its caches warm.
_BACKEND_KIB = 6 << 10


class Memory(NamedTuple):
    """MiB, but for `work_mem_kib`. `backends` may each use work_mem at the same time."""

    shared_buffers: int
    maintenance: int
    autovacuum: int
    autovacuum_workers: int
    backends: int
    work_mem_kib: int
    effective_cache: int


class Disk(NamedTuple):
    """MiB."""

    wal_buffers: int
    max_wal_size: int
    min_wal_size: int
    #: What replication slots may hold back.
    slot_keep: int
    #: For one process.
    temp_file_limit: int


def max_connections(environment: Environment) -> int:
    """Connections for every web host's pools, a release that overlaps, other applications and the reserve."""
    return _of_the_app(environment) + other_applications(environment) + RESERVED_CONNECTIONS


def _of_the_app(environment: Environment) -> int:
    return (environment.web.count + 1) * environment.app.connections


def other_applications(environment: Environment) -> int:
    """Connections that applications beside the app may have at once."""
    return sum(
        role.connection_limit
        for role in environment.database.roles
        if role.kind == "application" and role.name != environment.app.role
    )


def memory(environment: Environment) -> Memory:
    """How a member's memory is shared; too little shows as `work_mem_kib` below `LEAST_WORK_MEM_KIB`."""
    size = environment.database.size
    return share_memory(size.memory_mib, max_connections(environment), size.vcpus)


def share_memory(total: int, connections: int, vcpus: int) -> Memory:
    """Share `total` MiB among the system, shared memory, maintenance, `connections` and parallel workers.

    Counted in KiB and rounded once, at the end: more memory never gives a process less.
    """
    kib = total << 10
    backends = connections + vcpus
    shared = kib // 4
    maintenance = _clamp(32 << 10, kib // 16, 2048 << 10)
    autovacuum = _clamp(16 << 10, kib // 32, 1024 << 10)
    # The system, sshd, the exporter and what runs next to PostgreSQL later.
    system = _clamp(256 << 10, kib // 16, 4096 << 10)
    # A backend's own memory and, without huge pages, its page table of shared_buffers: 8 bytes for 4 KiB.
    private = backends * _BACKEND_KIB + backends * shared // 512
    left = (
        kib
        - system
        - shared
        - (wal_buffers(total) << 10)
        - maintenance
        - private
        - AUTOVACUUM_WORKERS * autovacuum
    )
    return Memory(
        shared_buffers=shared >> 10,
        maintenance=maintenance >> 10,
        autovacuum=autovacuum >> 10,
        autovacuum_workers=AUTOVACUUM_WORKERS,
        backends=backends,
        work_mem_kib=_round_kib(max(0, left) // (backends * HASH_MEM_MULTIPLIER)),
        effective_cache=max(shared, min(kib * 3 // 4, kib - system - private)) >> 10,
    )


def wal_buffers(total: int) -> int:
    """MiB of WAL in memory: a thirty-second of shared_buffers, 16 to 64 (facts: stall_settings)."""
    return _clamp(16, total // 128, 64)


def disk(environment: Environment) -> Disk:
    """How the volumes of WAL and temporary files are shared.

    Half of the room is for WAL, a quarter for what slots hold back, and a quarter for overshoot or, where
    they share the volume, temporary files.
    """
    placement = environment.database.placement
    room = _room(environment, placement.wal)
    most = min(room // 2, MOST_MAX_WAL) // WAL_SEGMENT * WAL_SEGMENT
    temp = room // 4 if placement.temp == placement.wal else _room(environment, placement.temp)
    return Disk(
        wal_buffers=wal_buffers(environment.database.size.memory_mib),
        max_wal_size=most,
        # PostgreSQL refuses less than two segments.
        min_wal_size=max(2 * WAL_SEGMENT, most // 4 // WAL_SEGMENT * WAL_SEGMENT),
        slot_keep=room // 4,
        temp_file_limit=temp // 2,
    )


def _room(environment: Environment, volume: str) -> int:
    """MiB of a volume at its highest fill, less the expected data where it carries that."""
    database = environment.database
    usable = database.volume(volume).size_gib * 1024 * USABLE_SHARE
    data = database.expected_data_gib * 1024 if database.placement.data == volume else 0
    return max(0, int(usable - data))


def faults(environment: Environment) -> list[str]:
    """What no setting can make work, one line each with the key to correct; empty when all is well."""
    found = []
    connections = max_connections(environment)
    if connections > MOST_CONNECTIONS:
        room = MOST_CONNECTIONS - RESERVED_CONNECTIONS - other_applications(environment)
        most = room // (environment.web.count + 1)
        most -= environment.app.write_pool_size
        if environment.app.read_from_standbys is not None:
            most //= 2
        fix = f"take at most {most}" if most > 0 else "take fewer web hosts or a smaller app.write_pool_size"
        found.append(
            f"flashtier:environment.app.pool_size = {environment.app.pool_size}: with "
            f"{environment.app.write_pool_size} more to write and {environment.web.count} web hosts "
            f"PostgreSQL would need {connections} connections, "
            f"more than {MOST_CONNECTIONS}; {fix}"
        )
    elif memory(environment).work_mem_kib < LEAST_WORK_MEM_KIB:
        size, app = environment.database.size, environment.app
        found.append(
            f"flashtier:environment.database.size.memory_mib = {size.memory_mib}: too small for "
            f"{connections} connections ({environment.web.count} web hosts, app.pool_size {app.pool_size}, "
            f"app.write_pool_size {app.write_pool_size}) with 1 MB of work_mem each; "
            f"give it at least {_least_memory(connections, size.vcpus)} or make the pools smaller"
        )
    found += _limits(environment)
    placement, shares = environment.database.placement, disk(environment)
    if shares.max_wal_size < LEAST_MAX_WAL:
        found.append(_no_room(environment, "wal", placement.wal, 2 * LEAST_MAX_WAL))
    elif shares.temp_file_limit < LEAST_TEMP_FILE_LIMIT:
        found.append(_no_room(environment, "temp", placement.temp, 2 * LEAST_TEMP_FILE_LIMIT))
    return found


def _limits(environment: Environment) -> list[str]:
    """Connection limits of roles that the server, or the app, could not keep."""
    found = []
    most = max_connections(environment) - SERVERS_OWN_CONNECTIONS
    for index, role in enumerate(environment.database.roles):
        key = f"flashtier:environment.database.roles.{index}.connection_limit = {role.connection_limit}"
        needed = _of_the_app(environment) if role.name == environment.app.role else 0
        if role.connection_limit > most:
            found.append(
                f"{key}: of max_connections {most + SERVERS_OWN_CONNECTIONS}, {SERVERS_OWN_CONNECTIONS} are "
                f"for a superuser and monitoring; take at most {most}"
            )
        elif 0 < role.connection_limit < needed:
            found.append(
                f"{key}: the app's pools open up to {needed}; take at least {needed}, or remove the key"
            )
    return found


def _no_room(environment: Environment, purpose: str, name: str, mib: int) -> str:
    """The line that says that volume `name` cannot hold `mib` of `purpose`."""
    database = environment.database
    shared = database.placement.data == name
    need = math.ceil((mib / 1024 + (database.expected_data_gib if shared else 0)) / USABLE_SHARE)
    index = [volume.name for volume in database.volumes].index(name)
    beside = f" with {database.expected_data_gib:g} GiB of data" if shared else ""
    return (
        f"flashtier:environment.database.volumes.{index}.size_gib = {database.volumes[index].size_gib}: "
        f"volume {name!r} has no room for {mib} MiB of {purpose}{beside} at {USABLE_SHARE:.1%} fill; "
        f"make it at least {need} GiB{f' or place {purpose} on another volume' if shared else ''}"
    )


def _least_memory(connections: int, vcpus: int) -> int:
    """The smallest memory in MiB that gives `connections` their work_mem; more memory never gives less."""
    low, high = 256, 1 << 24
    while low < high:
        middle = (low + high) // 2
        if share_memory(middle, connections, vcpus).work_mem_kib < LEAST_WORK_MEM_KIB:
            low = middle + 1
        else:
            high = middle
    return low


def _clamp(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


def _round_kib(kib: int) -> int:
    """At most 256 MiB, in steps a person can read: whole MiB from 4 MiB on, quarters below."""
    kib = min(kib, 256 << 10)
    return kib // 1024 * 1024 if kib >= 4096 else kib // 256 * 256
