"""Deadlines of probes: a slow device is no hung one, and a hung one is found in time."""

from __future__ import annotations

from typing import Any

import pytest

from infra import catalogue
from infra.environment import Environment
from infra.local import throttled
from infra.settings import probe
from tests.support.aws_environments import parsed
from tests.support.declared import local_environment

LOCAL = probe.probe(Environment.parse(local_environment()))
#: Seconds from the moment in which a device hangs to the verdict, so that writes go on elsewhere within 6 s.
BOUND = 3.5
#: Of ansible/roles/probe/files/probing/__main__.py: a turn is seen up to one tick late, and so is its age.
TICK = 0.1


def test_the_rate_of_the_arithmetic_is_the_one_that_the_device_is_made_with() -> None:
    assert probe.LOCAL_RATE == throttled.RATE / 8


def test_a_write_behind_a_full_queue_at_the_cap_is_in_time() -> None:
    """128 requests of 1,280 KiB at 125 MiB/s."""
    queued = 128 * 1280 * 1024 / (125 * 1024 * 1024)
    assert [one.deadline_ms / 1000 - queued for one in LOCAL.volumes] == pytest.approx([1.25, 1.25])


def test_a_hung_local_device_is_found_within_the_bound() -> None:
    for volume in LOCAL.volumes:
        assert (LOCAL.period_ms + volume.deadline_ms) / 1000 + 2 * TICK <= BOUND, volume.name


def test_every_volume_has_a_deadline_for_a_move_may_use_it() -> None:
    assert [one.name for one in LOCAL.volumes] == ["flash", "network"]


@pytest.mark.parametrize(
    ("stack", "changed", "expected"),
    [
        # 256 MiB at 125 MiB/s take longer than 1,024 requests at 3,000 a second.
        ("gp3", {"iops": 3000, "throughput_mib_s": 125}, 1250 + 2048),
        ("gp3", {"iops": 4000, "throughput_mib_s": 1000}, 1250 + 256),
        # Few I/Os a second: 1,024 of them take a second, whatever they carry.
        ("io2", {"iops": 1000}, 1250 + 1024),
        # 4,000 MiB/s is the most that a volume gives.
        ("io2", {"iops": 64000}, 1250 + 64),
    ],
)
def test_what_a_volume_of_ebs_is_given_decides(stack: str, changed: dict[str, Any], expected: int) -> None:
    volume = probe.Volume.model_validate({"name": "data", "class": stack, "size_gib": 500, **changed})
    assert probe.MARGIN_MS + probe.queue_ms("aws", *probe.speed(volume, None)) == expected


def test_drives_in_the_host_are_as_fast_as_they_are_planned() -> None:
    environment = parsed("prod")
    drives = catalogue.local_drives(catalogue.find(environment.database.instance_type or ""))
    found = {one.name: one.deadline_ms for one in probe.probe(environment).volumes}
    (name,) = [one.name for one in environment.database.volumes if one.volume_class == "instance-store"]
    assert found[name] - 1250 == pytest.approx(1000 * 1024 * 256 / 4 / drives.planned_write_iops, abs=1)


def test_no_more_errors_in_a_row_are_waited_for_than_a_takeover_has_time_for() -> None:
    assert (LOCAL.failures + 1) * LOCAL.period_ms / 1000 < BOUND
