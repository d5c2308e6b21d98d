"""What the services around the hosts carry and cost a month: load balancer, NAT, transfer, archive.

US dollars and decimal gigabytes. Prices are arguments: `infra.catalogue.price` has them with their sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.capacity.formulas.demand import Demand
from infra.catalogue.units import DAYS_MONTH, GB, HOURS_MONTH
from infra.environment.traffic import Traffic

#: One load balancer capacity unit: new connections a second, active connections, GB an hour, rules a second.
LCU_NEW, LCU_ACTIVE, LCU_GB_HOUR, LCU_RULES, RULES_FREE = 25, 3000, 1, 1000, 10
#: The first step of transfer to the internet, GB a month.
EGRESS_FIRST_GB = 10_240


def response_bytes(traffic: Traffic) -> float:
    """Mean bytes of an answer at the edge, photos included where no CDN serves them."""
    a = traffic.assumptions
    return a.response_bytes + a.image_call_share * traffic.photo_kib * 1024


def request_bytes(traffic: Traffic) -> float:
    """Mean bytes of a call at the edge: each upload carries its photo."""
    a = traffic.assumptions
    return a.request_bytes + traffic.write_share * a.upload_share * traffic.photo_kib * 1024


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """Capacity units at peak, by dimension; AWS bills the largest."""

    new_connections_per_s: float
    lcu_new: float
    lcu_active: float
    lcu_bytes: float
    lcu_rules: float

    @property
    def lcu_peak(self) -> float:
        return max(self.lcu_new, self.lcu_active, self.lcu_bytes, self.lcu_rules)


def load_balancer(traffic: Traffic, demand: Demand) -> LoadBalancer:
    a, peak = traffic.assumptions, demand.peak_calls_per_s
    new = peak / a.calls_per_connection
    return LoadBalancer(
        new_connections_per_s=new,
        lcu_new=new / LCU_NEW,
        lcu_active=new * a.connection_seconds / LCU_ACTIVE,
        lcu_bytes=peak * (request_bytes(traffic) + response_bytes(traffic)) * 3600 / GB / LCU_GB_HOUR,
        lcu_rules=peak * max(0, a.alb_rules - RULES_FREE) / LCU_RULES,
    )


def load_balancer_usd_month(lcu_average: float, alb_hour_usd: float, lcu_hour_usd: float) -> float:
    return HOURS_MONTH * (alb_hour_usd + lcu_hour_usd * lcu_average)


def nat_gb_month(traffic: Traffic) -> float:
    """Through NAT: calls to third parties. Answers leave by the load balancer, S3 by a gateway endpoint."""
    return traffic.calls_per_day * traffic.assumptions.outbound_bytes_per_call * DAYS_MONTH / GB


def nat_usd_month(gateways: int, gb_month: float, hour_usd: float, gb_usd: float) -> float:
    return gateways * hour_usd * HOURS_MONTH + gb_month * gb_usd


def egress_gb_month(traffic: Traffic) -> float:
    return traffic.calls_per_day * response_bytes(traffic) * DAYS_MONTH / GB


def egress_usd_month(gb_month: float, first_gb_usd: float, next_gb_usd: float) -> float:
    first = min(gb_month, EGRESS_FIRST_GB)
    return first * first_gb_usd + (gb_month - first) * next_gb_usd


def replication_usd_month(wal_gb_day: float, replicas: int, cross_zone_gb_usd: float) -> float:
    """WAL from the leader to standbys in other zones; nothing else that crosses zones is in it."""
    return wal_gb_day * (replicas - 1) * DAYS_MONTH * cross_zone_gb_usd


def archived_gb(wal_gb_day: float, compression: float, retention_days: float) -> float:
    """WAL that the archive holds, steady."""
    return wal_gb_day * compression * retention_days
