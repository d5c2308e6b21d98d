"""The topology: addresses, identities, placements, ports and flows, for every valid environment."""

from __future__ import annotations

import ipaddress
import itertools
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.environment import Environment
from infra.errors import EnvironmentInvalid
from infra.program import accepted
from infra.topology import ADDRESS_BLOCKS, COMPONENTS, Component, Host, Topology, build, volume_uuid
from infra.topology.components import PEERS, Port
from tests.support.declared import environments, local_environment, spoiled

TIERS = ("edge", "web", "database", "control")


def topology_of(declared: Any, stack: str = "unit") -> Topology:
    return build(stack, Environment.parse(declared))


@given(environments())
def test_the_declared_hosts_exist_with_unique_names(declared: Any) -> None:
    topology = topology_of(declared)
    counts = {tier: len(topology.tier(tier)) for tier in TIERS}
    assert counts == {
        "edge": declared["edge"]["count"],
        "web": declared["web"]["count"],
        "database": declared["database"]["members"],
        "control": declared["control"]["count"],
    }
    assert len({host.name for host in topology.hosts}) == len(topology.hosts)
    for host in topology.hosts:
        assert host.size.model_dump() == declared[host.tier]["size"]
        assert len(host.name) <= 63  # a DNS label


@given(environments())
def test_addresses_are_unique_inside_the_network_and_in_their_tiers_block(declared: Any) -> None:
    topology = topology_of(declared)
    network = ipaddress.ip_network(declared["network"]["cidr"])
    seen = [ipaddress.ip_address(host.address) for host in topology.hosts]
    assert len(set(seen)) == len(seen)
    reserved = {network.network_address, network.broadcast_address, ipaddress.ip_address(topology.gateway)}
    for host, address in zip(topology.hosts, seen, strict=True):
        assert address in network
        assert address not in reserved
        offset, room = ADDRESS_BLOCKS[host.tier]
        assert offset <= int(address) - int(network.network_address) < offset + room
    assert ipaddress.ip_address(topology.gateway) in network


def test_address_blocks_do_not_overlap_and_fit_the_smallest_network() -> None:
    taken = sorted((offset, offset + room) for offset, room in ADDRESS_BLOCKS.values())
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(taken))
    assert taken[0][0] > 1, "the gateway has .1"
    assert taken[-1][1] <= 255, "the last address of a /24 is its broadcast"


@given(environments(max_web=79), st.sampled_from([("web", "count", 1), ("database", "members", 1)]))
def test_adding_a_host_moves_and_renames_no_other(declared: Any, growth: tuple[str, str, int]) -> None:
    tier, key, more = growth
    count = declared[tier][key]
    if tier == "database":
        count = declared[tier][key] = min(count, 8)
        # A second member needs an etcd that outlives one host.
        declared["control"]["count"] = max(3, declared["control"]["count"])
    before = topology_of(declared)
    after = topology_of(spoiled(declared, (tier, key), count + more))
    kept = {host.name: host for host in after.hosts}
    assert {host.name for host in before.hosts} < set(kept)
    assert all(kept[host.name] == host for host in before.hosts)


@given(environments())
def test_every_placement_is_on_a_volume_of_its_host_and_paths_are_unique(declared: Any) -> None:
    topology = topology_of(declared)
    for host in topology.hosts:
        mount_points = {volume.name: volume.mount_point for volume in host.volumes}
        for placed in host.placements:
            assert placed.volume in mount_points
            assert placed.source.startswith(mount_points[placed.volume] + "/")
        for field in ("purpose", "path", "source"):
            values = [getattr(placed, field) for placed in host.placements]
            assert len(set(values)) == len(values), f"{field} given twice on {host.name}"
        assert len(set(mount_points.values())) == len(mount_points)


@given(environments())
def test_database_placements_are_the_declared_ones_on_every_member(declared: Any) -> None:
    for host in topology_of(declared).tier("database"):
        placed = {entry.purpose: entry.volume for entry in host.placements}
        assert placed == declared["database"]["placement"]
        sizes = {volume["name"]: volume["size_gib"] for volume in declared["database"]["volumes"]}
        assert {volume.name: volume.size_gib for volume in host.volumes} == sizes


stack_names = st.from_regex(r"[a-z][a-z0-9-]{0,11}", fullmatch=True)


@given(environments(), st.sets(stack_names, min_size=2, max_size=3))
def test_file_system_uuids_are_unique_across_stacks_and_hosts(declared: Any, stacks: set[str]) -> None:
    uuids = [
        volume.uuid
        for stack in stacks
        for host in topology_of(declared, stack).hosts
        for volume in host.volumes
    ]
    assert len(set(uuids)) == len(uuids)
    assert all(uuid.UUID(value).version == 5 for value in uuids)


def test_file_system_uuids_never_change_between_releases() -> None:
    """A literal, on purpose: another value orphans the data of every environment that exists."""
    assert volume_uuid("local", "db1", "flash") == "6905b94e-316f-5507-9bfb-3f4f83acf241"


TABLE = {port.name: (component, port) for component in COMPONENTS for port in component.ports}


def may_reach(source: Host, destination: Host, component: Component, port: Port) -> bool:
    """By its tier, or as another host of the component."""
    peer = component.name in source.components and source.name != destination.name
    return source.tier in port.clients or (PEERS in port.clients and peer)


@given(environments())
def test_flows_are_between_declared_hosts_for_ports_that_are_there(declared: Any) -> None:
    topology = topology_of(declared)
    hosts = {host.name: host for host in topology.hosts}
    seen = set()
    for flow in topology.flows:
        component, port = TABLE[flow.port_name]
        assert flow.source in {*hosts, "controller", "world"}
        assert component.name in hosts[flow.destination].components
        assert (flow.port, flow.protocol) == (port.number, port.protocol)
        if flow.source in hosts:
            assert may_reach(hosts[flow.source], hosts[flow.destination], component, port)
        else:
            assert flow.source in port.clients
        seen.add((flow.source, flow.destination, flow.port_name))
    assert len(seen) == len(topology.flows), "a flow is declared twice"
    wanted = {
        (source.name, destination.name, name)
        for destination in topology.hosts
        for name, (component, port) in TABLE.items()
        if component.name in destination.components
        for source in topology.hosts
        if may_reach(source, destination, component, port)
    }
    assert wanted == {entry for entry in seen if entry[0] in hosts}


@given(environments())
def test_every_port_has_a_client(declared: Any) -> None:
    topology = topology_of(declared)
    for host in topology.hosts:
        reached = {flow.port_name for flow in topology.flows if flow.destination == host.name}
        running = [component for component in COMPONENTS if component.name in host.components]
        assert len(running) == len(host.components)
        ports = {port.name for component in running for port in component.ports}
        assert reached == ports, f"no client may reach a port of {host.name}"


@given(environments())
def test_no_port_is_declared_twice_on_a_host(declared: Any) -> None:
    for host in topology_of(declared).hosts:
        ports = [
            (port.number, port.protocol)
            for component in COMPONENTS
            if component.name in host.components
            for port in component.ports
        ]
        assert len(set(ports)) == len(ports), f"{host.name}: {ports}"


def test_the_table_of_components_is_consistent() -> None:
    names = [component.name for component in COMPONENTS]
    assert len(set(names)) == len(names)
    reserved = {*TIERS, "controller", "world", "peers", "flashtier", "all"}
    assert not {*names} & reserved, "a component's name is a group of the inventory"
    assert len(TABLE) == sum(len(component.ports) for component in COMPONENTS), "names of ports are unique"
    for component in COMPONENTS:
        assert component.metrics is None or component.metrics.port in TABLE
        for port in component.ports:
            assert {*port.clients} <= {*TIERS, *names, "controller", "world", "peers"}
            assert port.served_by is None or port.served_by in names


@given(environments())
def test_only_the_edge_is_open_to_the_world(declared: Any) -> None:
    topology = topology_of(declared)
    open_hosts = {flow.destination for flow in topology.flows if flow.source == "world"}
    assert open_hosts == {host.name for host in topology.tier("edge")}


@given(environments())
def test_every_member_has_postgresql_and_runs_it_under_patroni(declared: Any) -> None:
    topology = topology_of(declared)
    tier = [host.name for host in topology.tier("database")]
    for component in ("postgresql", "patroni"):
        assert [host.name for host in topology.hosts if component in host.components] == tier
    assert tier == [*topology.members]
    assert topology.first in tier


@given(environments())
def test_members_reach_each_other_and_etcd(declared: Any) -> None:
    """Each asks every other one for its state and for WAL, and etcd who leads."""
    topology = topology_of(declared)
    flows = {(flow.source, flow.destination, flow.port_name) for flow in topology.flows}
    control = [host.name for host in topology.tier("control")]
    for member in topology.members:
        others = [other for other in topology.members if other != member]
        wanted = {(member, other, port) for other in others for port in ("postgresql", "patroni")}
        wanted |= {(member, host, "etcd_client") for host in control}
        assert wanted <= flows
        assert (member, member, "postgresql") not in flows


def test_the_same_environment_gives_the_same_topology() -> None:
    assert topology_of(local_environment()) == topology_of(local_environment())
    assert topology_of(local_environment(), "other") != topology_of(local_environment())


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_has_a_block_of_addresses_large_enough(tier: Any) -> None:
    most = {"edge": 1, "web": 80, "database": 9, "control": 5}[tier]
    assert ADDRESS_BLOCKS[tier][1] >= most


def test_an_accepted_loss_is_that_of_the_named_volume_alone() -> None:
    environment = Environment.parse(local_environment())
    volumes = {
        f"{host.name}-{volume.name}": volume.accept_blank
        for host in build("unit", environment, frozenset({"db1-flash"})).hosts
        for volume in host.volumes
    }
    assert [name for name, accepted in volumes.items() if accepted] == ["db1-flash"]
    assert not any(
        volume.accept_blank for host in build("unit", environment).hosts for volume in host.volumes
    )
    with pytest.raises(EnvironmentInvalid, match=r"acceptBlank = db9-flash, flash: there is no such volume"):
        build("unit", environment, frozenset({"db1-flash", "flash", "db9-flash"}))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, set()),
        ("db1-flash", {"db1-flash"}),
        ("db1-flash, db2-network", {"db1-flash", "db2-network"}),
        ('["db1-flash", "db2-network"]', {"db1-flash", "db2-network"}),
    ],
)
def test_acceptances_are_read_as_pulumi_writes_them(text: str | None, names: set[str]) -> None:
    assert accepted(text) == names


@pytest.mark.parametrize("text", ["true", "3", '{"db1-flash": true}', "db1-flash,,", "[1]"])
def test_what_is_not_a_list_of_volumes_accepts_nothing(text: str) -> None:
    with pytest.raises(EnvironmentInvalid, match="is not a volume or a list of volumes"):
        accepted(text)
