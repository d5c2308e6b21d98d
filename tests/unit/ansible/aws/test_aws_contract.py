"""Inventory, roles and templates on the contract of an environment on AWS; no cloud is asked.

Here the variables pass, the templates render and nft takes the rules. tests/daemons has nginx, sshd, promtool
and the others look at their files, on the hosts of a stack.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.template import trust_as_template

from infra.aws.cli import CONNECT_S
from infra.contract import Contract, ContractHost
from tests.hosts.content import Contents
from tests.hosts.file_kinds import Template
from tests.hosts.own_files import expected
from tests.support import secret_values
from tests.support.aws_contract import aws_contract
from tests.support.inventories import plain
from tests.support.nftables import NAMESPACE
from tests.support.rendered import ROOT, render, templar
from tests.support.role_specs import MAPPED, TIERS, specs

STACKS = ("dev", "staging", "prod")
APP = "photo-api"
CONFIGURATION = ROOT / "ansible" / "ansible.cfg"


def first_of_each_tier(contract: Contract) -> list[ContractHost]:
    return list({host.tier: host for host in reversed(contract.hosts)}.values())


def inventory(folder: Path, contract: Contract, version: str | None) -> subprocess.CompletedProcess[str]:
    """ansible-inventory with stand-ins for `pulumi` and an `aws` that says `version`, or no `aws`."""
    (folder / "outputs").write_text(json.dumps({"contract": contract.model_dump(mode="json")}))
    (folder / "pulumi").write_text(f"#!/bin/sh\ncat {folder}/outputs\n")
    (folder / "pulumi").chmod(0o755)
    if version is not None:
        (folder / "aws").write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / "aws").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "--list"],
        env=kept
        | {
            "PATH": f"{folder}:/usr/bin:/bin",
            "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"),
            "FLASHTIER_STACK": contract.stack,
            "FLASHTIER_STATE": str(folder / "state"),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_inventory_goes_through_the_endpoint(tmp_path: Path) -> None:
    contract = aws_contract("prod")
    done = inventory(tmp_path, contract, "aws-cli/2.31.5 Python/3.13.7 Linux/6.12 exe/x86_64.debian.13")
    assert done.returncode == 0, done.stderr
    listed = plain(json.loads(done.stdout))
    assert contract.access.proxy
    for host in contract.hosts:
        arguments = listed["_meta"]["hostvars"][host.name]["ansible_ssh_common_args"]
        assert arguments.endswith(
            f'-o ProxyCommand="aws ec2-instance-connect open-tunnel --private-ip-address {host.address}'
            f" --instance-connect-endpoint-id {contract.access.proxy.endpoint_id}"
            f" --instance-connect-endpoint-dns-name {contract.access.proxy.dns_name}"
            f' --region {contract.access.proxy.region} --max-tunnel-duration 3600"'
        )
        variables = listed["_meta"]["hostvars"][host.name]
        assert variables["ansible_timeout"] == CONNECT_S > 15
        assert variables["ansible_ssh_args"].startswith(f"-o ConnectTimeout={CONNECT_S} ")
        configured = re.search(
            r"^ssh_args = -o ConnectTimeout=15 (.*)$", CONFIGURATION.read_text(), re.MULTILINE
        )
        assert configured
        assert variables["ansible_ssh_args"].endswith(configured[1])
        members = {name for name, group in listed.items() if host.name in group.get("hosts", [])}
        assert members == {"flashtier", host.tier, *host.components}
    # Plays name them, and would warn of a group that is not there.
    assert {"edge", "s3"} <= set(listed["all"]["children"]) | set(listed)
    assert "hosts" not in listed.get("edge", {})


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, "aws: is not on PATH"),
        ("aws-cli/1.45.11 Python/3.11.7 Linux/6.18.44 botocore/1.43.11", "aws: is 1.45;"),
        ("aws-cli/2.11.27 Python/3.11", "aws: is 2.11;"),
        ("something else", "says 'something else'"),
    ],
    ids=["none", "version 1", "too old", "another program"],
)
def test_a_missing_or_old_aws_cli_is_one_line(tmp_path: Path, version: str | None, says: str) -> None:
    done = inventory(tmp_path, aws_contract(), version)
    assert done.returncode != 0
    line = next(line for line in done.stderr.splitlines() if says in line)
    assert "version 2.12 or newer" in line
    assert "Traceback" not in done.stderr


def runs(role: str, host: ContractHost) -> bool:
    """Whether the host gets the role, and something from it."""
    tiers = [tier for tier, roles in TIERS.items() if role in roles]
    return host.tier in (tiers or TIERS) and (role not in ("storage", "placement") or bool(host.volumes))


@pytest.mark.parametrize(
    ("stack", "role", "host"),
    [
        (stack, role, host.name)
        for stack in STACKS
        for role in MAPPED
        if role not in ("haproxy", "s3")
        for host in first_of_each_tier(aws_contract(stack))
        if runs(role, host)
    ],
)
def test_what_the_contract_gives_passes_the_specification(stack: str, role: str, host: str) -> None:
    known = templar(aws_contract(stack), host, role)
    for spec in specs(role).values():
        given = {name: known.template(trust_as_template(f"{{{{ {name} }}}}")) for name in spec["options"]}
        assert ArgumentSpecValidator(spec["options"]).validate(given).error_messages == []


@pytest.mark.parametrize(
    ("stack", "host"), [(stack, host.name) for stack in STACKS for host in aws_contract(stack).hosts]
)
def test_every_template_of_every_host_renders(stack: str, host: str) -> None:
    contract = aws_contract(stack)
    templates = {
        path: content
        for path, (_, _, content) in expected(contract.host(host), contract).items()
        if isinstance(content, Template) and not content.expression
    }
    assert templates
    contents = Contents(contract)
    with secret_values.given():
        texts = {path: contents.rendered(content, host) for path, content in templates.items()}
    for path, text in texts.items():
        assert text.strip(), path
        assert "None" not in text, path


def rules(contract: Contract, host: str) -> list[Any]:
    """The rules of a host's output chain, from a real nft; the app's account is the one of `nobody` here."""
    text = render(contract, host, "base", "nftables.conf.j2").replace(APP, "nobody")
    done = subprocess.run(
        [*NAMESPACE, "sh", "-ec", f"nft --file - <<'END'\n{text}\nEND\nnft --json --numeric list ruleset"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [entry["rule"] for entry in json.loads(done.stdout)["nftables"] if "rule" in entry]


def commented(found: list[Any], comment: str) -> list[Any]:
    return [rule for rule in found if rule.get("comment") == comment]


@pytest.mark.parametrize("stack", STACKS)
def test_only_root_and_the_app_ask_for_the_host_s_role(stack: str) -> None:
    contract = aws_contract(stack)
    for host in first_of_each_tier(contract):
        found = [rule for rule in rules(contract, host.name) if rule["chain"] == "output"]
        (allowed,) = commented(found, "metadata")
        uids = next(
            part["match"]["right"]
            for part in allowed["expr"]
            if part.get("match", {}).get("left", {}).get("meta", {}).get("key") == "skuid"
        )
        asked = set(uids["set"]) if isinstance(uids, dict) else {uids}
        assert {str(uid) for uid in asked} == ({"0", "65534"} if host.tier == "web" else {"0"}), host.name
        # What follows would let everybody through: it names all addresses outside the range.
        (refused,) = [rule for rule in found if "169.254.0.0" in json.dumps(rule)]
        (registries,) = commented(found, "package registries")
        assert found.index(allowed) < found.index(refused) < found.index(registries)
        assert {"drop": None} in refused["expr"]


def test_the_balancer_s_networks_reach_web_hosts_and_no_other_host() -> None:
    contract = aws_contract("prod")
    for host in first_of_each_tier(contract):
        text = render(contract, host.name, "base", "nftables.conf.j2")
        named = [network for network in contract.edge_networks if network in text]
        assert named == (list(contract.edge_networks) if host.tier == "web" else []), host.name


def test_time_and_names_come_from_amazon() -> None:
    contract = aws_contract("prod")
    resolver = str(ipaddress.ip_network(contract.cidr)[2])
    text = render(contract, "db1", "base", "nftables.conf.j2")
    assert f'ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 accept comment "dns"' in text
    assert 'ip daddr 169.254.169.123 udp dport 123 accept comment "ntp"' in text
    assert f"ip saddr {contract.host('db1').gateway} udp sport 67" in text
    assert "NTP=169.254.169.123\n" in render(contract, "db1", "base", "timesyncd.conf.j2")


def blocks(text: str) -> Iterator[list[str]]:
    """The own lines of each block of nginx' configuration, without those of the blocks inside it."""
    open_: list[list[str]] = [[]]
    for line in map(str.strip, text.splitlines()):
        if line.endswith("{"):
            open_.append([])
        elif line == "}":
            yield open_.pop()
        else:
            open_[-1].append(line)


def test_nginx_believes_the_balancer_and_does_what_hosts_of_the_edge_do_elsewhere() -> None:
    contract = aws_contract("prod")
    text = render(contract, "web1", "nginx", "nginx.conf.j2")
    for network in contract.edge_networks:
        assert f"set_real_ip_from {network};" in text
    assert "proxy_set_header X-Request-ID $request_id;" in text
    # A block with a header of its own takes over none from outside.
    hsts = 'add_header Strict-Transport-Security "max-age=31536000" always;'
    with_headers = [own for own in blocks(text) if any(line.startswith("add_header ") for line in own)]
    assert len(with_headers) >= 2
    assert all(hsts in own for own in with_headers)


def test_the_app_has_no_keys_of_s3_and_trusts_the_system() -> None:
    contract = aws_contract("prod")
    settings = dict(
        line.split("=", 1)
        for line in render(contract, "web1", "app", "environment.j2").splitlines()
        if not line.startswith("#")
    )
    store = contract.object_store
    assert settings["PHOTO_API_S3_ENDPOINT"] == store.endpoint
    assert settings["PHOTO_API_S3_BUCKET"] == store.bucket
    assert settings["PHOTO_API_S3_REGION"] == store.region
    assert settings["PHOTO_API_S3_CREDENTIALS"] == "instance-profile"
    assert settings["PHOTO_API_S3_CA_FILE"] == "/etc/ssl/certs/ca-certificates.crt"
    assert settings["PHOTO_API_DATABASE_CA_FILE"] == "/etc/flashtier/tls/ca.crt"
    unit = render(contract, "web1", "app", "photo-api.service.j2")
    assert [line for line in unit.splitlines() if line.startswith("LoadCredential=")] == []


def test_the_account_that_the_firewall_names_is_the_app_s() -> None:
    known = templar(aws_contract(), "web1", "app")
    assert known.template(trust_as_template("{{ app_account }}")) == APP
    named = templar(aws_contract(), "web1", "base").template(trust_as_template("{{ base_metadata_readers }}"))
    assert named == [APP]
