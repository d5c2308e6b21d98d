"""One entry in the table of components reaches groups, firewalls, scrape jobs and the verification."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from infra.aws import groups
from infra.environment import Environment
from infra.stack import outputs as stack
from infra.topology import COMPONENTS, Component, build
from infra.topology.components import KeyFile, Metrics, Port
from tests.hosts import promises
from tests.hosts.firewall import accepted
from tests.support.declared import contract_of, local_environment
from tests.support.nftables import loaded
from tests.support.rendered import ROOT, render

#: Two ports, one for its peers alone and one for another component; metrics; a key; TLS.
MADE_UP = Component(
    name="ledger",
    tiers=("database",),
    units=("ledger.service",),
    daemons=("ledger",),
    ports=(
        Port(name="ledger_client", number=6400, clients=("nginx", "peers"), program="ledgerd"),
        Port(name="ledger_peer", number=6401, protocol="udp", clients=("peers",), program="ledgerd"),
    ),
    metrics=Metrics(job="ledger", port="ledger_client", path="/figures"),
    tls=("ca.crt", "host.crt", "host.key"),
    keys=(KeyFile(path="/etc/ledger/key", mode="0600"),),
)
#: No port and no unit: something that only a timer or a person starts.
SILENT = Component(name="recorder", tiers=("web",), hosts="first")
TABLE = (*COMPONENTS, MADE_UP, SILENT)
CONTRACT = contract_of("unit", Environment.parse(local_environment()), TABLE)
ADDRESSES = {host.name: host.address for host in CONTRACT.hosts}


def test_the_inventory_has_its_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "outputs", lambda name: {"contract": CONTRACT.model_dump(mode="json")})
    monkeypatch.setenv("FLASHTIER_STACK", "unit")
    inventory_loader.add_directory(str(ROOT / "ansible" / "plugins" / "inventory"))
    inventory = InventoryData()
    path = str(ROOT / "ansible" / "inventory.pulumi_stack.yml")
    inventory_loader.get("pulumi_stack").parse(inventory, DataLoader(), path)
    found = {name: {host.name for host in inventory.groups[name].hosts} for name in ("ledger", "recorder")}
    assert found == {"ledger": {"db1", "db2", "db3"}, "recorder": {"web1"}}


def test_the_firewall_of_its_hosts_lets_its_clients_in() -> None:
    rules = accepted(loaded(CONTRACT, "db2"), "input", "saddr")
    peers = {ADDRESSES["db1"], ADDRESSES["db3"]}
    assert rules["tcp", 6400] == {ADDRESSES["web1"], ADDRESSES["web2"]} | peers
    assert rules["udp", 6401] == peers
    assert ("tcp", 6401) not in rules


def test_the_firewall_of_its_clients_lets_them_out() -> None:
    members = {ADDRESSES[name] for name in ("db1", "db2", "db3")}
    assert accepted(loaded(CONTRACT, "web1"), "output", "daddr")["tcp", 6400] == members
    assert accepted(loaded(CONTRACT, "db1"), "output", "daddr")["udp", 6401] == members - {ADDRESSES["db1"]}
    assert ("tcp", 6400) not in accepted(loaded(CONTRACT, "control1"), "output", "daddr")


def test_security_groups_have_its_rules() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["flashtier:environment"]
    topology = build("unit", Environment.parse(declared), components=TABLE)
    found = {rule for rule in groups.table(topology) if rule.port_name.startswith("ledger")}
    assert found == {
        ("web", "database", "ledger_client", "tcp", 6400),
        ("database", "database", "ledger_client", "tcp", 6400),
        ("database", "database", "ledger_peer", "udp", 6401),
    }


def test_prometheus_scrapes_it() -> None:
    rendered: Any = yaml.safe_load(render(CONTRACT, "control1", "prometheus", "prometheus.yml.j2"))
    [job] = [job for job in rendered["scrape_configs"] if job["job_name"] == "ledger"]
    assert (job["scheme"], job["metrics_path"]) == ("https", "/figures")
    targets = {target for entry in job["static_configs"] for target in entry["targets"]}
    assert targets == {f"{ADDRESSES[name]}:6400" for name in ("db1", "db2", "db3")}


def test_roles_and_verification_know_it() -> None:
    assert (CONTRACT.ports["ledger_client"], CONTRACT.ports["ledger_peer"]) == (6400, 6401)
    member, web, control = (CONTRACT.host(name) for name in ("db2", "web1", "control1"))
    assert "ledger.service" in promises.units(CONTRACT, member)
    assert "ledger.service" not in promises.units(CONTRACT, web)
    assert "ledger" in promises.daemons(CONTRACT)
    assert promises.programs(CONTRACT)["udp", 6401] == "ledgerd"
    assert {"ledger_client", "ledger_peer"} <= promises.served(CONTRACT, member)
    assert promises.key_files(CONTRACT, member)["/etc/ledger/key"] == ("0600", "root", "root")
    assert "/etc/ledger/key" not in promises.key_files(CONTRACT, control)
