"""The bridge of a stack, over an `unreachable` route of the highest metric for the stack's range, and the
machine's own rules for what may leave it.

Route and rules come first and go last: from before the first host until after the last one, a packet for a
host that is not there is refused by the machine instead of following the default route out of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.errors import FlashtierError
from infra.local import guard, names, processes, routes
from infra.local.lxd import Lxd, marked, refuse_foreign
from infra.local.provider.resource import Found, Resource
from infra.local.provider.schema import Failure, NetworkInputs


class Network(Resource[NetworkInputs]):
    model = NetworkInputs

    def check(self, olds: Mapping[str, Any], news: NetworkInputs) -> list[Failure]:
        failures = []
        if ipaddress.IPv4Address(news.gateway) not in ipaddress.IPv4Network(news.cidr):
            failures.append(
                Failure(
                    property="gateway",
                    reason=f"gateway = {news.gateway!r}: is not in {news.cidr}; take one of it",
                )
            )
        if overlaps := range_conflicts(self.lxd(), news.name, news.cidr, news.stack):
            failures.append(Failure(property="cidr", reason=f"cidr = {news.cidr!r}: {overlaps}"))
        return failures

    def identity(self, inputs: NetworkInputs) -> str:
        return inputs.name

    def converge(self, inputs: NetworkInputs) -> dict[str, Any]:
        lxd = self.lxd()
        found = lxd.get("networks", inputs.name)
        if found is not None:
            refuse_foreign("network", inputs.name, found, inputs.stack)
        record = names.network_record(inputs.stack)
        record.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        record.write_text(f"{inputs.cidr}\n")
        routes.add_unreachable(inputs.cidr)
        guard.load(inputs.stack, inputs.gateway)
        config = _config(inputs)
        with _port_told(inputs):
            if found is None:
                lxd.post("networks", body={"name": inputs.name, "type": "bridge", "config": config})
            else:
                _revive(lxd, inputs)
                if _differs(found, config):
                    lxd.put("networks", inputs.name, body={"config": config})
        return {}

    def read(self, inputs: NetworkInputs) -> Found | None:
        found = self.lxd().get("networks", inputs.name)
        if found is None:
            return None
        refuse_foreign("network", inputs.name, found, inputs.stack)
        intact = (
            routes.has_unreachable(inputs.cidr)
            and guard.is_loaded(inputs.stack, inputs.gateway)
            and _serves(inputs.name)
            and not _differs(found, _config(inputs))
        )
        return Found({**inputs.wire(), "intact": intact}, {})

    def adopt(self, identity: str, stack: str) -> Found | None:
        found = self.lxd().get("networks", identity)
        if found is None:
            return None
        refuse_foreign("network", identity, found, stack)
        config = found["config"]
        address = ipaddress.IPv4Interface(config["ipv4.address"])
        return self.read(
            NetworkInputs(
                stack=stack,
                name=identity,
                cidr=str(address.network),
                gateway=str(address.ip),
                domain=config.get("dns.domain", ""),
                intact=True,
            )
        )

    def delete(self, inputs: NetworkInputs) -> None:
        lxd = self.lxd()
        found = lxd.get("networks", inputs.name)
        if found is not None:
            refuse_foreign("network", inputs.name, found, inputs.stack)
            # Without its interface LXD would forget the network and leave its dnsmasq behind.
            _revive(lxd, inputs)
            lxd.delete("networks", inputs.name)
        routes.remove_unreachable(inputs.cidr)
        guard.unload(inputs.stack)
        record = names.network_record(inputs.stack)
        record.unlink(missing_ok=True)
        names.remove_empty(record.parent)


@contextmanager
def _port_told(inputs: NetworkInputs) -> Iterator[None]:
    """Say which port it is where LXD's dnsmasq, which serves the hosts' names, finds it taken."""
    try:
        yield
    except FlashtierError as error:
        if f"listening socket for {inputs.gateway}: Address already in use" not in str(error):
            raise
        raise FlashtierError(
            f"network {inputs.name}: port 53 of {inputs.gateway}, which serves the hosts' names, is taken on "
            "this machine; see who has it (ss -lnptu 'sport = 53'), let that one leave the address alone, "
            "then run it again"
        ) from error


def range_conflicts(lxd: Lxd, bridge: str, cidr: str, stack: str) -> str:
    """Why the range cannot be used on this machine, empty where it can."""
    wanted = ipaddress.IPv4Network(cidr)
    found = []
    own = False
    for name in lxd.names("networks"):
        network = lxd.get("networks", name) or {}
        if name == bridge:
            if network.get("managed") and not marked(network, stack):
                return f"the LXD network {bridge} exists and is not this stack's; give the stack another name"
            own = True
            continue
        address = network.get("config", {}).get("ipv4.address", "none")
        if "/" in address and ipaddress.IPv4Network(address, strict=False).overlaps(wanted):
            found.append(f"the LXD network {name} ({address})")
    found += routes.overlaps(cidr, bridge if own else "")
    return f"overlaps {', '.join(found)}; take a range that this machine does not know" if found else ""


def _revive(lxd: Lxd, inputs: NetworkInputs) -> None:
    """Have LXD make the interface or start dnsmasq again: it does so only where a key changes."""
    if not _serves(inputs.name):
        config = _config(inputs)
        lxd.put("networks", inputs.name, body={"config": {**config, "ipv4.nat": "false"}})
        lxd.put("networks", inputs.name, body={"config": config})


def _config(inputs: NetworkInputs) -> dict[str, str]:
    prefix = ipaddress.IPv4Network(inputs.cidr).prefixlen
    return {
        "ipv4.address": f"{inputs.gateway}/{prefix}",
        "ipv4.nat": "true",
        "ipv6.address": "none",
        "dns.mode": "managed",
        "dns.domain": inputs.domain,
        names.MARK: inputs.stack,
    }


def _differs(found: Mapping[str, Any], config: Mapping[str, str]) -> bool:
    """A key that was added by hand counts: `ipv4.dhcp` would leave the hosts without an address."""
    return {key: value for key, value in found["config"].items() if not key.startswith("volatile.")} != config


def _serves(bridge: str) -> bool:
    """Whether the bridge is up and LXD's dnsmasq on it is alive."""
    try:
        is_up = int(Path(f"/sys/class/net/{bridge}/flags").read_text(), 16) & 1 == 1
    except FileNotFoundError:
        return False
    return is_up and bool(processes.running("dnsmasq", f"--interface={bridge}"))
