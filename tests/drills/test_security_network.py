"""Hosts reach what the contract names and nothing else, and each filter on the way holds without the other.

No answer proves nothing by itself: perhaps no program listened, or no packet arrived. So a program listens on
every port that is tried, declared or not, TCP and UDP, IPv4 and link-local IPv6; and every try is made four
times: with every filter open (all must get through), with the filter at the source alone, with the one at the
destination alone, and with both. A filter at the destination is a host's own, or the machine's for what is
not a host: the machine itself, outside clients, and another stack's host.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from infra.local import names
from infra.local.routes import METRIC
from infra.local.run import CommandFailed, run
from tests.drills.security.filters import Filters
from tests.drills.security.lab import CONTROLLER, INTERNET, NEIGHBOUR, Lab, hold, set_link_local, tries
from tests.drills.security.living import living
from tests.drills.security.neighbours import OTHER, OUTSIDE, neighbours
from tests.drills.security.places import everywhere, host_places, in_namespace, listening

#: Ports that no environment declares, in addition to the contract's: databases, cluster managers, shells.
TCP = [21, 23, 53, 111, 2379, 2380, 4999, 5433, 6432, 8008]
UDP = [53, 111, 123, 443, 4999, 5432]
#: Seconds after which a listener ends even if the drill was killed.
LONGEST = 600


@pytest.fixture(scope="module")
def lab(stack: str) -> Iterator[Lab]:
    contract = living(stack)
    hosts = host_places(contract)
    places = {
        **hosts,
        CONTROLLER: [],
        INTERNET: in_namespace(OUTSIDE.namespace),
        NEIGHBOUR: in_namespace(OTHER.namespace),
    }
    declared = {"tcp": sorted({*TCP, *(flow.port for flow in contract.flows)}), "udp": UDP}
    machine = json.loads(run(["ip", "-json", "route", "get", "192.0.2.1"]))[0]["prefsrc"]
    link_local = {host.name: f"fe80::f1a5:{index + 1}" for index, host in enumerate(contract.hosts)}
    with ExitStack() as exits:
        exits.enter_context(neighbours())
        filters = Filters(contract, hosts)
        for host in contract.hosts:
            exits.callback(set_link_local, hosts[host.name], "delete", link_local[host.name])
            set_link_local(hosts[host.name], "add", link_local[host.name])
            exits.enter_context(listening(hosts[host.name], ["0.0.0.0", "::"], declared, LONGEST))  # noqa: S104
        exits.enter_context(listening([], [contract.controller, machine], declared, LONGEST))
        for place in (INTERNET, NEIGHBOUR):
            exits.enter_context(listening(places[place], ["0.0.0.0"], declared, LONGEST))  # noqa: S104
        lab = Lab(contract, places, filters, link_local)
        lab.tries = list(tries(lab, machine, declared))
        yield lab
        assert filters.restored(), "the drill has not restored every firewall"


def test_with_every_filter_open_everything_answers(lab: Lab) -> None:
    """The drill's own means work: each missing answer below is caused by a filter."""
    with lab.filters.opened(dict.fromkeys(lab.hosts, ("input", "output")), machine=True):
        outcomes = lab.outcomes(lambda each: True)
    hold(outcomes, lambda each: True)
    refused = [str(each) for each, outcome in outcomes.items() if outcome == "refused"]
    assert not refused, f"nothing listens: {refused[:20]}"


def test_only_the_contract_gets_through(lab: Lab, figure: Callable[[str], None]) -> None:
    outcomes = lab.outcomes(lambda each: True)
    hold(outcomes, lambda each: lab.arrives(each) and (each.source not in lab.hosts or lab.leaves(each)))
    through = sum(outcome == "open" for outcome in outcomes.values())
    figure(f"network: {len(outcomes)} connections tried, {through} declared ones got through, no other")


def test_what_a_host_receives_is_held_without_the_senders_firewall(lab: Lab) -> None:
    """A compromised host sends anything: its neighbours and the machine refuse it without its help."""
    for source in lab.hosts:
        with lab.filters.opened({source: ("output",)}):
            hold(lab.outcomes(lambda each, source=source: each.source == source), lab.arrives)


def test_what_a_host_sends_is_held_without_the_receivers_firewall(lab: Lab) -> None:
    for destination in lab.hosts:
        with lab.filters.opened({destination: ("input",)}):
            hold(
                lab.outcomes(
                    lambda each, to=destination: each.destination == to and each.source in lab.hosts
                ),
                lab.leaves,
            )
    with lab.filters.opened({}, machine=True):
        hold(lab.outcomes(lambda each: each.destination not in lab.hosts), lab.leaves)


def test_names_come_from_the_bridge_only(lab: Lab) -> None:
    """On the machine a host may query the bridge's dnsmasq, which resolves this stack's hosts."""
    name = lab.contract.hosts[-1]
    asked = everywhere(
        {host: lab.places[host] for host in lab.hosts},
        "resolvectl",
        "query",
        "--cache=no",
        "-4",
        f"{name.name}.{lab.contract.domain}",
    )
    for host, answer in asked.items():
        assert name.address in answer, f"{host}: {answer}"
    listeners = run(["ss", "-Hlnup", "sport", "=", "53"]) + run(["ss", "-Hlntp", "sport", "=", "53"])
    own = [line.split()[3] for line in listeners.splitlines() if lab.contract.controller in line]
    assert own, f"nothing answers names at {lab.contract.controller}"


def test_the_machine_offers_hosts_nothing_else(lab: Lab) -> None:
    """The APIs of LXD and Pulumi listen on no address that a host could reach, even without filters."""
    loopback = ("127.", "[::1]", "[::ffff:127.")
    reachable = [
        line.split()[3]
        for line in run(["ss", "-Hlntp"]).splitlines()
        if ('"lxd"' in line or '"pulumi' in line) and not line.split()[3].startswith(loopback)
    ]
    assert reachable == [], f"sockets of LXD or Pulumi beyond loopback: {reachable}"
    with pytest.raises(AssertionError):
        everywhere({"": lab.places[lab.hosts[0]]}, "ls", "/dev/lxd/sock", "/var/lib/lxd/unix.socket")


def test_a_host_cannot_use_a_neighbours_address(lab: Lab) -> None:
    """Firewalls match addresses: a packet with another host's address is dropped where it enters the bridge.

    The contract lets `web` hosts reach PostgreSQL. `edge1`, its own firewall open, is refused with a web
    host's address, and can connect again with its own.
    """
    flow = next(flow for flow in lab.contract.flows if flow.port_name == "postgresql")
    victim, liar = lab.contract.host(flow.source), next(h for h in lab.contract.hosts if h.tier == "edge")
    target = lab.contract.host(flow.destination).address
    place = lab.places[liar.name]
    program = (
        "import socket,sys\n"
        "s=socket.socket(); s.settimeout(3); s.bind((sys.argv[1],0))\n"
        "try: s.connect((sys.argv[2],int(sys.argv[3]))); print('open')\n"
        "except OSError: print('dropped')"
    )
    with lab.filters.opened({liar.name: ("input", "output")}):
        try:
            everywhere({"": place}, "ip", "address", "add", f"{victim.address}/32", "dev", "eth0")
            lied = everywhere({"": place}, "python3", "-c", program, victim.address, target, str(flow.port))
        finally:
            everywhere({"": place}, "ip", "address", "delete", f"{victim.address}/32", "dev", "eth0")
        assert lied[""].strip() == "dropped", f"{liar.name} reached PostgreSQL as {victim.name}"
    own = lab.outcomes(lambda each: each.source == liar.name and lab.leaves(each) and lab.arrives(each))
    hold(own, lambda each: True)


def test_an_address_without_host_is_refused_by_the_machine(lab: Lab) -> None:
    """The `unreachable` route: with or without bridge, nothing for the range leaves by the default route."""
    free = next(
        str(address)
        for address in reversed(list(ipaddress.ip_network(lab.contract.cidr).hosts()))
        if str(address) not in {host.address for host in lab.contract.hosts}
    )
    on_bridge = json.loads(run(["ip", "-json", "route", "get", free]))[0]
    assert on_bridge["dev"] == names.bridge(lab.contract.stack)
    table = [
        entry
        for entry in json.loads(run(["ip", "-json", "route", "show", "type", "unreachable"]))
        if entry["dst"] == lab.contract.cidr
    ]
    assert len(table) == 1, f"the range has no unreachable route: {table}"
    # In a namespace with that route and no bridge: what is left is a refusal, not the default route.
    routes = (
        "ip link set lo up; ip route add default dev lo; "
        f"ip route add unreachable {lab.contract.cidr} metric {METRIC}; ip route get {free}"
    )
    with pytest.raises(CommandFailed, match="No route to host"):
        run(["unshare", "--net", "sh", "-ec", routes])
