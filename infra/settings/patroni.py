"""Pure: an environment -> the cluster-wide settings that Patroni keeps in etcd, under the key `config`."""

from __future__ import annotations

from typing import Literal

from infra.environment import Environment
from infra.model import Model
from infra.settings.setting import PostgresqlSetting


class Server(Model):
    """What Patroni decides about PostgreSQL. `parameters`: by name, as `SHOW` prints them."""

    use_pg_rewind: bool
    use_slots: bool
    parameters: dict[str, str]


class Patroni(Model):
    """The value of the key, by Patroni's names. Seconds; `maximum_lag_on_failover` in bytes."""

    ttl: int
    loop_wait: int
    retry_timeout: int
    primary_start_timeout: int
    primary_stop_timeout: int
    maximum_lag_on_failover: int
    failsafe_mode: bool
    member_slots_ttl: str
    synchronous_mode: Literal["quorum", "off"]
    synchronous_mode_strict: bool
    synchronous_node_count: int
    postgresql: Server


def cluster_settings(environment: Environment, settings: tuple[PostgresqlSetting, ...]) -> Patroni:
    """The value that the key has to hold: nothing in it comes from elsewhere, and what it lacks goes away.

    A cluster of one member has no one to ask (`failsafe_mode`) and no copy to wait for.
    """
    failover, durability = environment.database.failover, environment.durability
    return Patroni(
        ttl=failover.ttl,
        loop_wait=failover.loop_wait,
        retry_timeout=failover.retry_timeout,
        primary_start_timeout=failover.start_timeout(environment.database.members),
        primary_stop_timeout=failover.primary_stop_timeout,
        maximum_lag_on_failover=failover.maximum_lag_mib << 20,
        failsafe_mode=environment.database.members > 1,
        # Half an hour of WAL for a member that is away; `max_slot_wal_keep_size` bounds its size.
        member_slots_ttl="30min",
        synchronous_mode="quorum" if durability.quorum else "off",
        synchronous_mode_strict=durability.synchronous_mode_strict,
        synchronous_node_count=1,
        postgresql=Server(
            use_pg_rewind=True,
            use_slots=True,
            parameters={setting.name: setting.value for setting in settings if setting.owner == "dcs"},
        ),
    )
