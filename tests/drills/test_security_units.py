"""What a compromised service may still do: each unit that serves is confined to what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.drills.security.living import living
from tests.drills.security.places import on_host, run

#: systemd's own measure, 0 for a service that may do nothing and 10 for one that may do everything.
WORST = 3.0


def test_units_that_serve_are_confined(stack: str, figure: Callable[[str], None]) -> None:
    contract = living(stack)
    exposure = {}
    for host in contract.hosts:
        place = on_host(stack, host.name)
        # sshd gives access to a root shell: that is its purpose.
        units = [
            unit
            for component in contract.running(host)
            if component.name != "ssh"
            for unit in component.units
        ]
        listing = run(place, "systemd-analyze", "security", "--no-pager", "--json=short")
        shown = {entry["unit"]: float(entry["exposure"]) for entry in json.loads(listing)}
        for unit in (unit for unit in units if unit.endswith(".service")):
            exposure[host.name, unit] = shown[unit]
    assert {unit for _, unit in exposure} >= {"haproxy.service", "nginx.service", "photo-api.service"}
    loose = {f"{unit} of {host}": level for (host, unit), level in exposure.items() if level >= WORST}
    assert loose == {}, f"exposed to {WORST} or more"
    worst = max(exposure, key=lambda key: exposure[key])
    figure(f"units: {len(exposure)} that serve, the most exposed is {worst[1]} with {exposure[worst]}")
