"""The firewall that a contract renders, loaded into a real nftables in a network namespace of its own."""

from __future__ import annotations

import ipaddress

import pytest

from infra.contract import Contract
from infra.environment import Environment
from tests.hosts.firewall import Accepted, accepted
from tests.support.declared import contract_of, local_environment
from tests.support.nftables import loaded
from tests.support.rendered import render

CONTRACT = contract_of("unit", Environment.parse(local_environment()))


def addresses(contract: Contract) -> dict[str, str]:
    return {host.name: host.address for host in contract.hosts} | {
        "controller": contract.controller,
        "world": "any",
    }


def declared(contract: Contract, host: str, side: str) -> Accepted:
    """What the contract's flows let into (`side` source) or out of (`side` destination) `host`."""
    known = addresses(contract)
    found: Accepted = {}
    for flow in contract.flows:
        here, there = (flow.destination, flow.source) if side == "source" else (flow.source, flow.destination)
        if here == host:
            found.setdefault((flow.protocol, flow.port), set()).add(known[there])
    return found


@pytest.mark.parametrize("host", [host.name for host in CONTRACT.hosts])
def test_a_host_accepts_the_flows_and_nothing_else(host: str) -> None:
    rules = loaded(CONTRACT, host)
    lease = {("udp", 68): {CONTRACT.host(host).gateway}}
    assert accepted(rules, "input", "saddr") == declared(CONTRACT, host, "source") | lease


@pytest.mark.parametrize("host", [host.name for host in CONTRACT.hosts])
def test_a_host_reaches_the_flows_and_what_every_host_needs(host: str) -> None:
    rules = loaded(CONTRACT, host)
    outside = {f"not {CONTRACT.cidr}"}
    expected = declared(CONTRACT, host, "destination")
    expected |= {
        ("udp", 67): {"any"},
        ("tcp", 53): {CONTRACT.host(host).gateway},
        ("udp", 53): {CONTRACT.host(host).gateway},
    }
    expected |= {("tcp", 80): outside, ("tcp", 443): outside, ("udp", 123): outside}
    assert accepted(rules, "output", "daddr") == expected


def test_every_chain_refuses_what_it_does_not_name() -> None:
    chains = {
        entry["chain"]["name"]: entry["chain"]["policy"]
        for entry in loaded(CONTRACT, "db1")
        if "chain" in entry and entry["chain"]["table"] == "flashtier"
    }
    assert chains == {"input": "drop", "forward": "drop", "output": "drop"}


@pytest.mark.parametrize(
    ("host", "sealed", "directions"),
    [
        ("db2", {5432, 8008}, {"input", "output"}),
        ("control1", {2379}, {"input"}),
        ("web1", set(), set()),
        ("edge1", set(), set()),
    ],
)
def test_who_is_sealed_off_uses_none_of_the_ports_of_a_leader(
    host: str, sealed: set[int], directions: set[str]
) -> None:
    """Nothing is accepted there; a member is cut off from another's ports in both directions."""
    rules = [
        entry["rule"]
        for entry in loaded(CONTRACT, host)
        if entry.get("rule", {}).get("table") == "flashtier_seal"
    ]
    assert {rule["chain"] for rule in rules} == directions
    assert not any("accept" in part for rule in rules for part in rule["expr"])
    ports = {
        port
        for rule in rules
        for part in rule["expr"]
        if part.get("match", {}).get("left", {}).get("payload", {}).get("protocol") == "tcp"
        for right in [part["match"]["right"]]
        for port in (right["set"] if isinstance(right, dict) else [right])
    }
    assert ports == sealed


def test_a_host_that_may_not_set_its_clock_asks_no_server_for_the_time() -> None:
    contract = CONTRACT.model_copy(
        update={
            "unsupported": tuple(
                gap.model_copy(update={"what": "set_clock"})
                for gap in CONTRACT.unsupported
                if gap.host == "db1"
            )
        }
    )
    assert ("udp", 123) not in accepted(loaded(contract, "db1"), "output", "daddr")
    assert ("udp", 123) in accepted(loaded(contract, "db2"), "output", "daddr")


def test_the_environment_has_addresses_outside_every_rule() -> None:
    """Guards the tests above: they compare sets, and would agree on empty ones."""
    network = ipaddress.ip_network(CONTRACT.cidr)
    inside = set().union(*declared(CONTRACT, "db1", "source").values())
    assert inside
    assert all(ipaddress.ip_address(address) in network for address in inside)


def test_a_host_drops_what_no_host_may_reach_before_what_is_established() -> None:
    text = render(CONTRACT, "web1", "base", "nftables.conf.j2")
    output = text[text.index("chain output") :]
    before = output[: output.index("ct state established")]
    assert f"ip daddr {{ {', '.join(CONTRACT.refused_networks)} }} counter drop" in before
    assert CONTRACT.refused_networks
