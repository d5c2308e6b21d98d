"""Who can reach what: sockets, rules and, above all, what really gets through."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.contract import Contract, ContractHost
from infra.topology import Flow
from tests.hosts import promises
from tests.hosts.facts import Check
from tests.hosts.firewall import accepted
from tests.hosts.image import Image
from tests.hosts.members import Away
from tests.hosts.snapshot import Hosts, Snapshot, reach_program

#: A port that no environment declares: what gets an answer there passes the firewall.
UNDECLARED = 4999

Matrix = dict[tuple[str, str, int], str]


def remote_sockets(snapshot: Snapshot) -> set[tuple[str, int]]:
    return {(protocol, port) for protocol, address, port, _ in snapshot["listeners"] if not is_own(address)}


def own_sockets(snapshot: Snapshot) -> set[tuple[str, int]]:
    return {(protocol, port) for protocol, address, port, _ in snapshot["listeners"] if is_own(address)}


def is_own(address: str) -> bool:
    return address.startswith(("127.", "[::1]"))


def test_listening_sockets_are_the_declared_ones(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, away: Away, check: Check
) -> None:
    flows = [flow for flow in contract.flows if flow.destination == declared.name]
    remote = remote_sockets(snapshot)
    served = promises.served(contract, declared)
    for component in contract.running(declared):
        if declared.name in away and component.name in promises.OF_A_MEMBER:
            check.unsupported(f"host.{declared.name}.component.{component.name}", away[declared.name])
            continue
        ports = {(port.protocol, port.number) for port in component.ports if port.name in served}
        shown = snapshot["units"]["shown"]
        down = [unit for unit in component.units if shown.get(unit, {}).get("ActiveState") != "active"]
        check.fact(
            f"host.{declared.name}.component.{component.name}",
            ports <= remote and not down,
            how=f"ss: not listening {sorted(ports - remote)}; systemctl: not active {down}",
        )
    expected = {(flow.protocol, flow.port) for flow in flows} | promises.listening(declared)
    check.equal(f"{declared.name}: sockets open to others, undeclared", [], sorted(remote - expected))
    own = image.completed("own sockets", declared.name, promises.loopback(declared), own_sockets)
    check.equal(f"{declared.name}: sockets open to itself", sorted(own), sorted(own_sockets(snapshot)))


def test_sockets_belong_to_the_declared_programs(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """Another program on a declared port would answer as well."""
    programs = promises.programs(contract)
    for protocol, address, port, program in snapshot["listeners"]:
        wanted = programs.get((protocol, port))
        if wanted:
            check.equal(f"{declared.name}: program at {address}:{port}", wanted, program)
    beyond = [socket for socket in snapshot["raw_sockets"] if socket[2] != "systemd-network"]
    check.equal(f"{declared.name}: sockets that see packets past TCP and UDP", [], beyond)


def test_packets_take_the_declared_ways_only(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """One interface, one gateway, one resolver, nothing that shapes or redirects."""
    name, ways = declared.name, snapshot["ways"]
    network = snapshot["instance"]["subnet"] if contract.platform == "aws" else contract.cidr
    may = promises.ways(contract, declared, network)
    mtus = {link: mtu for link, mtu in ways["interfaces"].items() if link != "lo"}
    check.equal(f"{name}: MTU of the loopback interface", 65536, ways["interfaces"].get("lo"))
    check.equal(f"{name}: other interfaces", 1, len(mtus))
    for link, mtu in mtus.items():
        check.true(f"{name}: name of the interface", link == may.link or not may.link, found=link)
        check.true(f"{name}: MTU of {link}", mtu in may.mtus, found=mtu)
    routes = may.routes | (may.routes_besides & {*ways["routes"]})
    check.equal(f"{name}: routes", sorted(routes), ways["routes"])
    rules = [[0, "all", "local"], [32766, "all", "main"], [32767, "all", "default"]]
    check.equal(f"{name}: rules of routing", rules, ways["rules"])
    check.equal(f"{name}: queues", [], sorted({*ways["queues"]} - may.queues))
    chosen = next((one for one in may.resolvers if sorted(one) == ways["resolvers"]), may.resolvers[0])
    check.equal(f"{name}: resolvers", sorted(chosen), ways["resolvers"])


def test_the_ruleset_in_effect_is_that_of_the_file(
    declared: ContractHost, snapshot: Snapshot, check: Check
) -> None:
    """Line by line: a rule of any kind that was added or dropped shows, whatever it does."""
    effective, written = snapshot["firewall"]["in effect"], snapshot["firewall"]["of the file"]
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


def test_firewall_rules(declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check) -> None:
    """The ruleset in the kernel, rule by rule: nothing is accepted that the contract does not name."""
    rules = snapshot["network"]["nftables"]
    chains = [entry["chain"] for entry in rules if "chain" in entry]
    policies = {
        f"{chain['table']} {chain['name']}": (chain.get("hook"), chain.get("policy")) for chain in chains
    }
    wanted = {f"flashtier {name}": (name, "drop") for name in ("input", "forward", "output")}
    if "seal" in declared.components:
        # It drops more and accepts nothing; a host with etcd has no leader's ports to close on the way out.
        seal = ("input", "output") if "patroni" in declared.components else ("input",)
        wanted |= {f"flashtier_seal {name}": (name, "accept") for name in seal}
    check.equal(f"{declared.name}: chains and their policies", wanted, policies)
    addresses = {host.name: {host.address} for host in contract.hosts}
    addresses["controller"] = {contract.controller}
    if contract.edge_networks:  # a balancer that is no host
        addresses["edge"] = set(contract.edge_networks)
    inward: dict[Any, set[str]] = {("udp", 68): {declared.gateway}}
    outward: dict[Any, set[str]] = {}
    for flow in contract.flows:
        if flow.destination == declared.name:
            sources = addresses.get(flow.source, {"any"})
            inward.setdefault((flow.protocol, flow.port), set()).update(sources)
        if flow.source == declared.name:
            outward.setdefault((flow.protocol, flow.port), set()).update(addresses[flow.destination])
    clock = "set_clock" not in {entry.what for entry in contract.unsupported if entry.host == declared.name}
    outward |= promises.outward(contract, declared, clock)
    check.equal(f"{declared.name}: ports accepted, and from where", inward, accepted(rules, "input", "saddr"))
    check.equal(f"{declared.name}: ports allowed, and to where", outward, accepted(rules, "output", "daddr"))


@pytest.fixture(scope="session")
def matrix(contract: Contract, hosts: Hosts, snapshots: dict[str, Snapshot]) -> Matrix:
    """Every host and the controller try every port of the kit on every host, all at once: what happened.

    One undeclared port is tried as well, and on the way out the controller's. On AWS no packet of the
    controller reaches a host: what it tries there is its own network, so it tries the edge alone.
    """
    ports = sorted({flow.port for flow in contract.flows} | {UNDECLARED})
    targets = [(host.name, host.address, port) for host in contract.hosts for port in ports]
    controllers = [contract.controller]
    from_controller = targets
    if contract.platform == "aws":
        controllers = sorted({client for snapshot in snapshots.values() for client in ssh_clients(snapshot)})
        from_controller = [(EDGE, edge_address(contract), port) for port in ports]
    from_host = [*targets, *(("controller", address, UNDECLARED) for address in controllers)]
    answers = hosts.ask(
        reach_program(), {host.name: [target[1:] for target in from_host] for host in contract.hosts}
    )
    own = hosts.ask_controller(reach_program(), [target[1:] for target in from_controller])
    found: Matrix = {
        ("controller", name, port): answer
        for (name, _, port), answer in zip(from_controller, own, strict=True)
    }
    for source, answer in answers.items():
        if isinstance(answer, dict):
            pytest.fail(f"{source} cannot try connections: {answer['error']}", pytrace=False)
        for (name, _, port), outcome in zip(from_host, answer, strict=True):
            found[source, name, port] = outcome
    return found


#: On AWS: the balancer, which is no host.
EDGE = "edge"


def edge_address(contract: Contract) -> str:
    """One address of the balancer; clients know it by name."""
    name = urlsplit(contract.url).hostname or ""
    try:
        return str(socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0])
    except OSError as error:
        pytest.fail(f"{name}: has no address: {error}", pytrace=False)


def ssh_clients(snapshot: Snapshot) -> list[str]:
    return list(snapshot["network"]["ssh_clients"])


def test_declared_flows_get_through(
    contract: Contract, matrix: Matrix, snapshots: dict[str, Snapshot], away: Away, check: Check
) -> None:
    for flow in contract.flows:
        key = f"flow.{flow.source}.{flow.destination}.{flow.port_name}"
        source = "controller" if flow.source == "world" else flow.source
        how = f"connection from {source}"
        if (source, flow.destination, flow.port) in matrix:
            answer = matrix[source, flow.destination, flow.port]
            # Behind an open firewall a port that no unit serves yet is refused by the kernel, not dropped.
            if answer == "refused" and flow.port_name not in promises.served(
                contract, contract.host(flow.destination), away
            ):
                answer = "open"
        elif source == "controller":
            answer, how = let_in(contract, flow, snapshots[flow.destination])
        else:
            continue  # the balancer's: test_cloud.py
        check.fact(f"{key}.port", flow.port if answer == "open" else answer, how=how)
        check.fact(f"{key}.protocol", "tcp" if answer == "open" else answer, how=how)


def let_in(contract: Contract, flow: Flow, snapshot: Snapshot) -> tuple[str, str]:
    """Whether a host on AWS takes what comes from the endpoint, and how that was found.

    SSH has come through it. Other ports it does not carry (EC2 user guide, "Connect using EC2 Instance
    Connect Endpoint": 22 and 3389), so that they are held against the host's own rules and sockets.
    """
    if (flow.protocol, flow.port) not in remote_sockets(snapshot):
        return "refused", f"sockets of {flow.destination}"
    if flow.port_name == "ssh":
        return "open" if ssh_clients(snapshot) else "dropped", f"sessions of sshd on {flow.destination}"
    accepts = accepted(snapshot["network"]["nftables"], "input", "saddr").get(
        (flow.protocol, flow.port), set()
    )
    return "open" if contract.controller in accepts else "dropped", f"rules of {flow.destination}"


def test_nothing_else_gets_through(contract: Contract, matrix: Matrix, check: Check) -> None:
    """No answer of any kind: a refusal would say that the packet had passed the firewall."""
    allowed = {(flow.source, flow.destination, flow.port) for flow in contract.flows}
    public = {(flow.destination, flow.port) for flow in contract.flows if flow.source == "world"}
    for (source, destination, port), answer in matrix.items():
        if (source, destination, port) in allowed or source == destination:
            continue
        if source == "controller" and (destination, port) in public:
            continue
        if destination == EDGE:  # whoever lies between may refuse; what answers there test_app.py shows
            check.true(f"the internet cannot connect to the balancer:{port}", answer != "open", found=answer)
            continue
        check.equal(f"connection from {source} to {destination}:{port}", "dropped", answer)
