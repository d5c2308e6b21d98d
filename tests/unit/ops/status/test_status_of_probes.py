"""What `flashtier status` makes of what members find of their own devices and servers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ops.status.judge import DEGRADED, HEALTHY
from ops.status.view import show
from tests.support.status_answers import healthy, judged, probe_of, put

WHY = "data: a write to flash is not answered in 2.53 s"


def text(hosts: dict[str, object]) -> str:
    shown = io.StringIO()
    show(judged(hosts), Console(file=shown, width=200))
    return shown.getvalue()


def test_members_whose_probes_find_nothing_wrong_are_shown_with_figures() -> None:
    found = judged(healthy())
    assert found.exit_code == HEALTHY
    assert [(one.host, one.verdict, one.seconds) for one in found.probes or ()] == [
        (name, "fine", pytest.approx(7, abs=1)) for name in ("db1", "db2", "db3")
    ]
    assert (
        "probes: 3\n  db1: fine, data (flash) fine 2.0 ms, wal (flash) fine 2.0 ms, connection fine 1.0 ms"
        in text(healthy())
    )


def test_a_member_that_is_stuck_is_a_reason() -> None:
    found = judged(put(healthy(), "probes/db3", probe_of("db3", "stuck", WHY, "hung")))
    assert found.exit_code == DEGRADED
    assert found.reasons == (f"db3 is stuck for 7 s: {WHY}",)


def test_a_member_of_which_nothing_is_proved_is_a_note() -> None:
    hosts = put(healthy(), "probes/db1", probe_of("db1", "unknown", "wal: away"))
    for name in ("db1", "db2", "db3"):
        hosts[name]["keys"].pop("/flashtier/test/probes/db2")
    found = judged(hosts)
    assert (found.exit_code, found.reasons) == (HEALTHY, ())
    assert found.notes == (
        "db1: its probe says unknown: wal: away",
        "db2: its probe publishes nothing; `journalctl -u flashtier-probe` on it",
    )


def test_a_key_that_is_no_probes_is_a_note_and_breaks_nothing() -> None:
    found = judged(put(healthy(), "probes/db1", "not json"))
    assert found.notes == ("db1: its probe says unreadable: it gives no reason",)
