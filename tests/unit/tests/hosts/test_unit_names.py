"""Names of mount units, as systemd makes them from a path."""

from __future__ import annotations

import subprocess

import pytest

from infra.environment import Environment
from tests.hosts.promises import mount_unit, own_units
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))


@pytest.mark.parametrize("name", ["flash", "fast-wal", "z9-a-b--c-d-e9z"])
def test_a_mount_unit_has_the_name_that_systemd_gives_it(name: str) -> None:
    """A hyphen of a volume's name is escaped; without that its unit was one that no role had written."""
    place = f"/vol/{name}"
    command = ["systemd-escape", "--path", "--suffix=mount", place]
    escaped = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    assert mount_unit(place) == escaped
    host = CONTRACT.host("db1")
    volume = host.volumes[0].model_copy(update={"name": name, "mount_point": place})
    renamed = host.model_copy(update={"volumes": (volume,), "placements": ()})
    assert escaped in own_units(CONTRACT, renamed)
