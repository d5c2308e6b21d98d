"""Who can reach what: sockets, rules and, above all, what really gets through."""

from __future__ import annotations

from typing import Any

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import promises
from tests.hosts.facts import Check
from tests.hosts.firewall import accepted
from tests.hosts.snapshot import Hosts, Seen, reach_program

#: A port that no environment declares: what gets an answer there passes the firewall.
UNDECLARED = 4999

Matrix = dict[tuple[str, str, int], str]


def test_listening_sockets_are_the_declared_ones(
    declared: ContractHost, contract: Contract, seen: Seen, check: Check
) -> None:
    flows = [flow for flow in contract.flows if flow.destination == declared.name]
    listening = {(protocol, address, port) for protocol, address, port, _ in seen["listeners"]}
    remote = {
        (protocol, port) for protocol, address, port in listening if not address.startswith(("127.", "[::1]"))
    }
    for service in declared.services:
        ports = {(flow.protocol, flow.port) for flow in flows if flow.service == service}
        check.fact(
            f"host.{declared.name}.service.{service}", bool(ports) and ports <= remote, how=f"ss: {ports}"
        )
    expected = {(flow.protocol, flow.port) for flow in flows} | promises.LISTENING_EVERYWHERE
    check.equal(f"{declared.name}: sockets open to others, undeclared", [], sorted(remote - expected))
    local = {
        (protocol, port) for protocol, address, port in listening if address.startswith(("127.", "[::1]"))
    }
    check.equal(
        f"{declared.name}: sockets open to itself", sorted(promises.loopback(declared)), sorted(local)
    )


def test_sockets_belong_to_the_declared_programs(declared: ContractHost, seen: Seen, check: Check) -> None:
    """Another program on a declared port would answer as well."""
    for protocol, address, port, program in seen["listeners"]:
        wanted = promises.PROGRAMS.get((protocol, port))
        if wanted:
            check.equal(f"{declared.name}: program at {address}:{port}", wanted, program)
    beyond = [socket for socket in seen["raw_sockets"] if socket[2] != "systemd-network"]
    check.equal(f"{declared.name}: sockets that see packets past TCP and UDP", [], beyond)


def test_packets_take_the_declared_ways_only(
    declared: ContractHost, contract: Contract, seen: Seen, check: Check
) -> None:
    """One interface, one gateway, one resolver, nothing that shapes or redirects."""
    name, ways = declared.name, seen["ways"]
    check.equal(f"{name}: interfaces and their MTU", {"lo": 65536, "eth0": 1500}, ways["interfaces"])
    check.equal(
        f"{name}: routes",
        sorted([f"default {declared.gateway}", contract.cidr, declared.gateway]),
        ways["routes"],
    )
    rules = [[0, "all", "local"], [32766, "all", "main"], [32767, "all", "default"]]
    check.equal(f"{name}: rules of routing", rules, ways["rules"])
    check.equal(f"{name}: queues", ["noqueue"], ways["queues"])
    check.equal(f"{name}: resolvers", sorted(promises.resolvers(contract, declared)), ways["resolvers"])


def test_the_ruleset_in_effect_is_that_of_the_file(declared: ContractHost, seen: Seen, check: Check) -> None:
    """Line by line: a rule of any kind that was added or dropped shows, whatever it does."""
    effective, written = seen["firewall"]["in effect"], seen["firewall"]["of the file"]
    check.equal(
        f"{declared.name}: rules in effect that /etc/nftables.conf lacks",
        [],
        [x for x in effective if x not in written],
    )
    check.equal(
        f"{declared.name}: rules of /etc/nftables.conf not in effect",
        [],
        [x for x in written if x not in effective],
    )
    check.equal(f"{declared.name}: the ruleset as a whole", written, effective)


def test_firewall_rules(declared: ContractHost, contract: Contract, seen: Seen, check: Check) -> None:
    """The ruleset in the kernel, rule by rule: nothing is accepted that the contract does not name."""
    rules = seen["network"]["nftables"]
    chains = {entry["chain"]["name"]: entry["chain"] for entry in rules if "chain" in entry}
    policies = {name: (chain.get("hook"), chain.get("policy")) for name, chain in chains.items()}
    drop = {name: (name, "drop") for name in ("input", "forward", "output")}
    check.equal(f"{declared.name}: chains and their policies", drop, policies)
    addresses = {host.name: host.address for host in contract.hosts} | {"controller": contract.controller}
    inward: dict[Any, set[str]] = {("udp", 68): {declared.gateway}}
    outward: dict[Any, set[str]] = {}
    for flow in contract.flows:
        if flow.destination == declared.name:
            source = addresses.get(flow.source, "any")
            inward.setdefault((flow.protocol, flow.port), set()).add(source)
        if flow.source == declared.name:
            outward.setdefault((flow.protocol, flow.port), set()).add(addresses[flow.destination])
    clock = "set_clock" not in {entry.what for entry in contract.unsupported if entry.host == declared.name}
    outward |= promises.outward(contract, declared, clock)
    check.equal(f"{declared.name}: ports accepted, and from where", inward, accepted(rules, "input", "saddr"))
    check.equal(f"{declared.name}: ports allowed, and to where", outward, accepted(rules, "output", "daddr"))


@pytest.fixture(scope="session")
def matrix(contract: Contract, hosts: Hosts) -> Matrix:
    """Every host and the controller try every port of the kit on every host, all at once: what happened.

    One undeclared port is tried as well, and on the way out the controller's.
    """
    ports = sorted({flow.port for flow in contract.flows} | {UNDECLARED})
    targets = [(host.name, host.address, port) for host in contract.hosts for port in ports]
    from_host = [*targets, ("controller", contract.controller, UNDECLARED)]
    answers = hosts.ask(
        reach_program(), {host.name: [target[1:] for target in from_host] for host in contract.hosts}
    )
    own = hosts.ask_controller(reach_program(), [target[1:] for target in targets])
    found: Matrix = {
        ("controller", name, port): answer for (name, _, port), answer in zip(targets, own, strict=True)
    }
    for source, answer in answers.items():
        if isinstance(answer, dict):
            pytest.fail(f"{source} cannot try connections: {answer['error']}", pytrace=False)
        for (name, _, port), outcome in zip(from_host, answer, strict=True):
            found[source, name, port] = outcome
    return found


def test_declared_flows_get_through(contract: Contract, matrix: Matrix, check: Check) -> None:
    for flow in contract.flows:
        key = f"flow.{flow.source}.{flow.destination}.{flow.service}"
        source = "controller" if flow.source == "world" else flow.source
        answer = matrix[source, flow.destination, flow.port]
        check.fact(f"{key}.port", flow.port if answer == "open" else answer, how=f"connection from {source}")
        check.fact(f"{key}.protocol", "tcp" if answer == "open" else answer, how=f"connection from {source}")


def test_nothing_else_gets_through(contract: Contract, matrix: Matrix, check: Check) -> None:
    """No answer of any kind: a refusal would say that the packet had passed the firewall."""
    allowed = {(flow.source, flow.destination, flow.port) for flow in contract.flows}
    world = {(flow.destination, flow.port) for flow in contract.flows if flow.source == "world"}
    for (source, destination, port), answer in matrix.items():
        if (source, destination, port) in allowed or source == destination:
            continue
        if source == "controller" and (destination, port) in world:
            continue
        check.equal(f"connection from {source} to {destination}:{port}", "dropped", answer)
