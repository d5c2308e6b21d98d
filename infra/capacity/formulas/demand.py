"""What the traffic asks for: calls, SQL, I/O and WAL, on average, at peak and in a burst of writes."""

from __future__ import annotations

from dataclasses import dataclass

from infra.catalogue.units import DAY_S, GB, PAGE_BYTES
from infra.environment.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Demand:
    """Per second unless the name says otherwise. Burst: `write_burst` times the writes of the peak.

    Write I/Os are upper bounds: each commit flushes WAL by itself, and each page that a transaction dirties
    is written once a checkpoint. Both fall under load, by group commit and by pages dirtied twice.
    """

    average_calls_per_s: float
    peak_calls_per_s: float
    design_calls_per_s: float
    calls_in_flight: float
    read_calls_peak_per_s: float
    write_tx_peak_per_s: float
    write_tx_burst_per_s: float
    sql_reads_peak_per_s: float
    sql_peak_per_s: float
    sql_burst_per_s: float
    read_iops_peak: float
    pages_dirtied_per_tx: float
    wal_bytes_per_tx: float
    wal_peak_bytes_per_s: float
    wal_burst_bytes_per_s: float
    wal_gb_day: float
    wal_flush_iops_peak: float
    data_write_iops_peak: float
    checkpoint_burst_bytes_per_s: float
    write_burst: float

    @property
    def write_iops_peak(self) -> float:
        return self.wal_flush_iops_peak + self.data_write_iops_peak

    @property
    def write_iops_burst(self) -> float:
        return self.write_iops_peak * self.write_burst

    @property
    def wal_flush_iops_burst(self) -> float:
        return self.wal_flush_iops_peak * self.write_burst

    @property
    def data_write_iops_burst(self) -> float:
        return self.data_write_iops_peak * self.write_burst

    @property
    def sql_average_per_s(self) -> float:
        """The peak's statements over the ratio of the calls: both follow the day alike."""
        return self.sql_peak_per_s * self.average_calls_per_s / self.peak_calls_per_s

    @property
    def write_tx_average_per_s(self) -> float:
        return self.write_tx_peak_per_s * self.average_calls_per_s / self.peak_calls_per_s


def demand(traffic: Traffic) -> Demand:
    """The demand of `traffic` as it is declared, today."""
    a = traffic.assumptions
    average = traffic.calls_per_day / DAY_S
    peak = average * traffic.peak_to_average
    reads, writes = peak * (1 - traffic.write_share), peak * traffic.write_share
    sql_reads = (reads * a.reads_per_read_call + writes * a.reads_per_write_call) * (1 - a.app_cache_hit)
    pages = a.rows_per_write_call * a.pages_per_row
    images = pages * a.page_image_share * a.page_image_bytes * a.page_image_compression
    wal = a.rows_per_write_call * a.wal_bytes_per_row + images
    data_writes = writes * pages
    return Demand(
        average_calls_per_s=average,
        peak_calls_per_s=peak,
        design_calls_per_s=peak / a.target_utilisation,
        calls_in_flight=peak * a.call_ms / 1000,  # Little's law
        read_calls_peak_per_s=reads,
        write_tx_peak_per_s=writes,
        write_tx_burst_per_s=writes * traffic.write_burst,
        sql_reads_peak_per_s=sql_reads,
        sql_peak_per_s=sql_reads + writes * a.rows_per_write_call,
        # The peak's reads, and the rows of everything that the burst writes.
        sql_burst_per_s=sql_reads + writes * traffic.write_burst * a.rows_per_write_call,
        read_iops_peak=sql_reads * a.pages_per_read * (1 - a.database_cache_hit),
        pages_dirtied_per_tx=pages,
        wal_bytes_per_tx=wal,
        wal_peak_bytes_per_s=writes * wal,
        wal_burst_bytes_per_s=writes * traffic.write_burst * wal,
        wal_gb_day=traffic.calls_per_day * traffic.write_share * wal / GB,
        wal_flush_iops_peak=writes / a.commits_per_flush,
        data_write_iops_peak=data_writes,
        # A burst that lasts a whole checkpoint interval: its pages are written within the completion target.
        checkpoint_burst_bytes_per_s=data_writes
        * traffic.write_burst
        * PAGE_BYTES
        / a.checkpoint_completion_target,
        write_burst=traffic.write_burst,
    )
