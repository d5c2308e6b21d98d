"""PostgreSQL's units, with the pairs that pg_settings really gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.units import normal


@pytest.mark.parametrize(
    ("declared", "setting", "unit"),
    [
        ("512MB", "65536", "8kB"),  # shared_buffers
        ("1GB", "1024", "MB"),  # max_wal_size
        ("64MB", "65536", "kB"),  # work_mem
        ("15min", "900", "s"),  # checkpoint_timeout
        ("200ms", "200", "ms"),  # bgwriter_delay
        ("0.9", "0.9", None),  # checkpoint_completion_target
        ("0.90", "0.9", None),
        ("1.1", "1.1", None),  # random_page_cost
        ("-1", "-1", "8kB"),  # wal_buffers left to PostgreSQL
        ("0", "0", "ms"),  # statement_timeout off
        ("on", "on", None),
        ("true", "on", None),
        ("'scram-sha-256'", "scram-sha-256", None),
        ("pg_stat_statements", "pg_stat_statements", None),
        ("100", "100", None),
        ("1d", "1440", "min"),  # log_rotation_age
    ],
)
def test_equal_values_compare_equal(declared: str, setting: str, unit: str | None) -> None:
    assert normal(declared) == normal(setting, unit) or normal(declared, unit) == normal(setting, unit)


@pytest.mark.parametrize(
    ("declared", "setting", "unit"),
    [
        ("512MB", "65535", "8kB"),
        ("64MB", "64", "kB"),
        ("15min", "15", "s"),
        ("on", "off", None),
        ("0.9", "0.5", None),
        ("replica", "logical", None),
        ("10", "-1", None),
    ],
)
def test_other_values_differ(declared: str, setting: str, unit: str | None) -> None:
    assert normal(declared, unit) != normal(setting, unit)


@given(
    st.integers(1, 10**6),
    st.sampled_from([("MB", "kB", 1024), ("min", "ms", 60_000), ("GB", "8kB", 131_072)]),
)
def test_a_larger_unit_is_its_multiple_of_a_smaller(amount: int, units: tuple[str, str, int]) -> None:
    large, small, factor = units
    assert normal(f"{amount}{large}") == normal(str(amount * factor), small)
    assert normal(f"{amount}{large}") != normal(str(amount * factor + 1), small)
