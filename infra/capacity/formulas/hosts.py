"""How many web hosts and connections the traffic takes, and what a stall does to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from infra.capacity.formulas.demand import Demand
from infra.environment.traffic import Assumptions

#: Connections that one vCPU of a member is assumed to serve: a pool beyond it only moves the queue.
POOL_PER_VCPU = 4


@dataclass(frozen=True, slots=True)
class WebTier:
    """`hosts` survives the loss of one zone: the zones that stay carry the peak at the target utilisation."""

    vcpus: float
    hosts_at_least: int
    hosts: int


def web_tier(demand: Demand, assumptions: Assumptions, vcpus_per_host: int, zones: int) -> WebTier:
    """The web hosts that `demand` takes over `zones` zones; with one zone, none may be lost."""
    vcpus = demand.peak_calls_per_s * assumptions.cpu_ms_per_call / 1000 / assumptions.target_utilisation
    least = math.ceil(vcpus / vcpus_per_host)
    return WebTier(vcpus, least, zones * math.ceil(least / (zones - 1)) if zones > 1 else least)


def hosts_after_zone_loss(hosts: int, zones: int) -> int:
    """Hosts that stay when the fullest of `zones` zones is lost; with one zone, none is counted as lost."""
    return hosts - math.ceil(hosts / zones) if zones > 1 else hosts


@dataclass(frozen=True, slots=True)
class Connections:
    """Statements under way at peak (Little's law), and the connections that carry them unhurried."""

    active_peak: float
    needed: int


def connections(demand: Demand, assumptions: Assumptions) -> Connections:
    active = demand.sql_peak_per_s * assumptions.sql_ms / 1000
    return Connections(active, math.ceil(active / assumptions.target_utilisation))


def client_connections(web_hosts: int, workers_per_host: int, connections_per_worker: int) -> int:
    """Connections that the app's workers may open to poolers, all hosts together."""
    return web_hosts * workers_per_host * connections_per_worker


@dataclass(frozen=True, slots=True)
class Stall:
    """A device that stops: seconds until no connection is free, what queues, how long it drains."""

    pool_exhausted_s: float
    queue: float
    drain_s: float


def stall(demand: Demand, assumptions: Assumptions, pool: int) -> Stall:
    """What a stall of `assumptions.stall_s` does to `pool` connections at peak."""
    arriving = demand.sql_peak_per_s
    free = max(0.0, pool - connections(demand, assumptions).active_peak)
    queue = arriving * assumptions.stall_s
    spare = max(1.0, pool * 1000 / assumptions.sql_ms - arriving)
    return Stall(free / arriving if arriving else math.inf, queue, queue / spare)


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """Calls a day that may fail, and what one dead minute at peak costs: in calls, and in days of that."""

    calls_day: float
    minute_calls: float
    minute_days: float


def error_budget(calls_per_day: int, demand: Demand, assumptions: Assumptions) -> ErrorBudget:
    budget = calls_per_day * (1 - assumptions.success_share)
    minute = demand.peak_calls_per_s * 60
    return ErrorBudget(budget, minute, minute / budget)
