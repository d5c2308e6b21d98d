"""Keeping and remaking copies: replication's network, re-cloning a member, and how likely all copies go."""

from __future__ import annotations

import math
from dataclasses import dataclass

from infra.capacity.formulas.demand import Demand
from infra.environment.traffic import Assumptions

_HOURS_YEAR = 8760
#: Hours to notice a lost member and have a new host.
_REPLACE_H = 1


@dataclass(frozen=True, slots=True)
class Replication:
    """Gbit/s that the leader sends in a burst, and what its network leaves during a re-clone."""

    burst_gbps: float
    room_gbps: float


def replication(demand: Demand, assumptions: Assumptions, replicas: int, network_gbps: float) -> Replication:
    """`replicas` counts the leader; `network_gbps` is the instance's baseline."""
    return Replication(
        burst_gbps=demand.wal_burst_bytes_per_s * 8 * (replicas - 1) / 1e9,
        room_gbps=network_gbps * (1 - assumptions.copy_share),
    )


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Hours to copy a member from a peer, and to catch up with what was written meanwhile."""

    copy_h: float
    catch_up_h: float

    @property
    def exposed_h(self) -> float:
        """Hours with one copy less, the time to notice and replace included."""
        return self.copy_h + self.catch_up_h + _REPLACE_H


def rebuild(data_gb: float, demand: Demand, assumptions: Assumptions, network_gbps: float) -> Rebuild:
    """Copying `data_gb` at the share of the network's baseline that a copy may take."""
    copy_gbps = network_gbps * assumptions.copy_share
    copy_h = data_gb * 8 / copy_gbps / 3600
    spare = max(1.0, copy_gbps * 1e9 / 8 - demand.wal_peak_bytes_per_s)
    return Rebuild(copy_h, copy_h * demand.wal_peak_bytes_per_s / spare)


@dataclass(frozen=True, slots=True)
class LossRisk:
    """Chance of a second loss during the rebuild after a first, and of losing every copy in a year.

    Of independent hosts only: an operator or an automation that stops all at once is likelier.
    """

    second_loss: float
    all_copies_year: float


def loss_risk(replicas: int, assumptions: Assumptions, after: Rebuild) -> LossRisk:
    failures = assumptions.host_failures_per_year
    second = 1 - math.exp(-(replicas - 1) * failures * after.exposed_h / _HOURS_YEAR)
    third = 1 - math.exp(-failures * after.exposed_h / _HOURS_YEAR)
    return LossRisk(second, replicas * failures * second * third)
