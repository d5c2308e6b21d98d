"""The sizing formulas by their names in data/sizing-vectors.yaml, computed by the kit's functions.

`inputs` of that file -> `computed`, one value a formula; `evaluated` computes the formulas' text instead.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra import catalogue
from infra.capacity.formulas import copies, demand, hosts, services, space
from infra.catalogue.instances import InstanceType
from infra.environment.traffic import Assumptions, Traffic

#: An input of the file -> the field of `Assumptions` that holds it.
ASSUMED = {
    "target_util": "target_utilisation",
    "reads_per_read_call": "reads_per_read_call",
    "reads_per_write_call": "reads_per_write_call",
    "rows_per_write_call": "rows_per_write_call",
    "app_cache_hit": "app_cache_hit",
    "pg_cache_hit": "database_cache_hit",
    "blocks_per_read": "pages_per_read",
    "sql_ms": "sql_ms",
    "call_ms": "call_ms",
    "cpu_ms_per_call": "cpu_ms_per_call",
    "req_bytes": "request_bytes",
    "resp_bytes": "response_bytes",
    "nat_bytes_per_call": "outbound_bytes_per_call",
    "calls_per_conn": "calls_per_connection",
    "conn_seconds": "connection_seconds",
    "alb_rules": "alb_rules",
    "dau_frac": "daily_users_share",
    "photos_per_user": "photos_per_user",
    "likes_per_photo": "likes_per_photo",
    "photo_row_bytes": "photo_row_bytes",
    "like_row_bytes": "like_row_bytes",
    "user_row_bytes": "user_row_bytes",
    "hot_photos_per_dau": "hot_photos_per_daily_user",
    "locality": "locality",
    "cache_share": "cache_share",
    "wal_core_per_row": "wal_bytes_per_row",
    "pages_per_row": "pages_per_row",
    "fpi_ratio": "page_image_share",
    "fpi_bytes": "page_image_bytes",
    "fpi_compress": "page_image_compression",
    "checkpoint_s": "checkpoint_s",
    "cct": "checkpoint_completion_target",
    "commits_per_flush": "commits_per_flush",
    "copy_share": "copy_share",
    "slo": "success_share",
    "stall_s": "stall_s",
    "host_fail_year": "host_failures_per_year",
    "wal_s3_compress": "wal_archive_compression",
}
#: An input -> the field of `Traffic`.
DECLARED = {
    "calls_per_day": "calls_per_day",
    "users": "users",
    "peak_to_avg": "peak_to_average",
    "write_frac": "write_share",
    "burst_x": "write_burst",
}
#: Inputs that the catalogue has, or the environment: their values stand in the vectors.
ELSEWHERE = {
    "az", "replicas", "hours_month", "days_month", "web_vcpu", "web_usd_h", "ram_gib", "nvme_gb",
    "nvme_w_iops", "nvme_r_iops", "w_derate", "r_derate", "overprov", "fs_overhead", "max_fill",
    "net_base_gbps", "pg_pool", "app_workers_per_node", "conns_per_worker", "price_alb_h",
    "price_lcu_h", "price_nat_h", "price_nat_gb", "price_xaz_gb", "price_egress_gb", "price_s3_gb",
    "wal_retention_days",
}  # fmt: skip


@cache
def vectors() -> dict[str, Any]:
    path = Path(__file__).parent / "data" / "sizing-vectors.yaml"
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def inputs(override: dict[str, float]) -> dict[str, float]:
    assert set(override) <= set(vectors()["inputs"])
    return {name: entry["v"] for name, entry in vectors()["inputs"].items()} | override


def evaluated(values: dict[str, float]) -> dict[str, float]:
    """The file's formulas as text, in order, on `values`."""
    names: dict[str, Any] = {"ceil": math.ceil, "min": min, "max": max, "exp": math.exp} | values
    for formula in vectors()["formulas"]:
        names[formula["id"]] = eval(formula["expr"], {"__builtins__": {}}, names)  # noqa: S307 - our own file
    return {formula["id"]: float(names[formula["id"]]) for formula in vectors()["formulas"]}


def traffic(values: dict[str, float]) -> Traffic:
    """The vectors know no photos: a call carries none, and nothing grows."""
    integers = ("alb_rules",)
    assumed = {
        field: int(values[name]) if name in integers else float(values[name])
        for name, field in ASSUMED.items()
    }
    declared = {field: values[name] for name, field in DECLARED.items()}
    return Traffic.model_validate(
        declared
        | {
            "calls_per_day": int(declared["calls_per_day"]),
            "users": int(declared["users"]),
            "photo_kib": 0,
            "growth_days": 0,
            "durable_write_p99_ms": 1,
            "assumptions": Assumptions.model_validate(assumed),
        }
    )


def _instance(values: dict[str, float]) -> InstanceType:
    return catalogue.find("i8g.4xlarge").model_copy(
        update={
            "drive_gb": values["nvme_gb"],
            "write_iops": values["nvme_w_iops"],
            "read_iops": values["nvme_r_iops"],
            "measured_write_iops": None,
            "measured_read_iops": None,
        }
    )


def computed(values: dict[str, float]) -> dict[str, float]:
    """One value for each formula of the file, by the kit's functions."""
    t = traffic(values)
    a, d = t.assumptions, demand.demand(t)
    s = space.space(t, d)
    v = values
    az, replicas = int(v["az"]), int(v["replicas"])
    web = hosts.web_tier(d, a, int(v["web_vcpu"]), az)
    connections = hosts.connections(d, a)
    stall = hosts.stall(d, a, int(v["pg_pool"]))
    budget = hosts.error_budget(t.calls_per_day, d, a)
    lcu = services.load_balancer(t, d)
    repl = copies.replication(d, a, replicas, v["net_base_gbps"])
    again = copies.rebuild(s.data_gb, d, a, v["net_base_gbps"])
    risk = copies.loss_risk(replicas, a, again)
    drives = catalogue.local_drives(_instance(v))
    usable = space.usable_gb(v["nvme_gb"], v["overprov"], v["fs_overhead"], v["max_fill"])
    cache_gb = space.cache_gb(v["ram_gib"], a.cache_share)
    egress = services.egress_gb_month(t)
    nat = services.nat_gb_month(t)
    archived = services.archived_gb(d.wal_gb_day, a.wal_archive_compression, v["wal_retention_days"])
    alb = services.load_balancer_usd_month(
        lcu.lcu_peak / t.peak_to_average, v["price_alb_h"], v["price_lcu_h"]
    )
    return {
        "avg_rps": d.average_calls_per_s,
        "peak_rps": d.peak_calls_per_s,
        "design_rps": d.design_calls_per_s,
        "little_concurrency": d.calls_in_flight,
        "web_vcpu_needed": web.vcpus,
        "web_nodes_needed": web.hosts_at_least,
        "web_nodes": web.hosts,
        "web_usd_month": web.hosts * v["web_usd_h"] * 730,
        "read_calls_peak": d.read_calls_peak_per_s,
        "write_tx_peak": d.write_tx_peak_per_s,
        "write_tx_burst": d.write_tx_burst_per_s,
        "sql_reads_peak": d.sql_reads_peak_per_s,
        "sql_peak": d.sql_peak_per_s,
        "read_iops_peak": d.read_iops_peak,
        "pages_dirtied_per_tx": d.pages_dirtied_per_tx,
        "wal_bytes_per_tx": d.wal_bytes_per_tx,
        "wal_bps_peak": d.wal_peak_bytes_per_s,
        "wal_bps_burst": d.wal_burst_bytes_per_s,
        "wal_gb_day": d.wal_gb_day,
        "wal_flush_iops_peak": d.wal_flush_iops_peak,
        "data_write_iops_peak": d.data_write_iops_peak,
        "write_iops_peak": d.write_iops_peak,
        "write_iops_burst": d.write_iops_burst,
        "burst_x_for_100k": 100_000 / d.write_iops_peak,
        "node_write_iops_ok": drives.planned_write_iops,
        "node_read_iops_ok": drives.planned_read_iops,
        "write_headroom": drives.planned_write_iops / d.write_iops_burst,
        "max_wal_size_gib": s.max_wal_size_gib,
        "ckpt_write_mbps": d.checkpoint_burst_bytes_per_s / 1e6,
        "photos": s.photos,
        "data_gb": s.data_gb,
        "hot_gb": s.hot_gb,
        "cache_gb": cache_gb,
        "hot_in_cache": space.share_in_cache(cache_gb, s.hot_gb),
        "usable_gb": usable,
        "space_ok": usable >= s.data_gb + s.wal_gb,
        "db_active_peak": connections.active_peak,
        "pool_size_needed": connections.needed,
        "app_conns": hosts.client_connections(
            web.hosts, int(v["app_workers_per_node"]), int(v["conns_per_worker"])
        ),
        "time_to_pool_exhaustion_s": stall.pool_exhausted_s,
        "queue_after_stall": stall.queue,
        "drain_s": stall.drain_s,
        "alb_new_conn_s": lcu.new_connections_per_s,
        "lcu_new": lcu.lcu_new,
        "lcu_active": lcu.lcu_active,
        "lcu_bytes": lcu.lcu_bytes,
        "lcu_rules": lcu.lcu_rules,
        "lcu_peak": lcu.lcu_peak,
        "alb_usd_month": alb,
        "nat_gb_month": nat,
        "nat_usd_month": services.nat_usd_month(az, nat, v["price_nat_h"], v["price_nat_gb"]),
        "egress_gb_month": egress,
        "egress_usd_month": services.egress_usd_month(egress, v["price_egress_gb"], 0.085),
        "xaz_usd_month": services.replication_usd_month(d.wal_gb_day, replicas, v["price_xaz_gb"]),
        "wal_s3_usd_month": archived * v["price_s3_gb"],
        "repl_gbps_burst": repl.burst_gbps,
        "repl_net_ok": repl.burst_gbps <= repl.room_gbps,
        "rebuild_hours": again.copy_h,
        "catchup_hours": again.catch_up_h,
        "p_second_loss": risk.second_loss,
        "p_all_copies_year": risk.all_copies_year,
        "budget_calls_day": budget.calls_day,
        "outage_minute_calls": budget.minute_calls,
        "outage_minute_budget_days": budget.minute_days,
    }
