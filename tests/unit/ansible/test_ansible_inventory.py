"""The inventory and the secrets' lookup, run by Ansible itself over a stand-in for the Pulumi CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from infra.environment import Environment
from infra.stack import outputs as stack
from infra.stack.secret_table import SECRET_NAMES
from tests.support.declared import contract_of, local_environment
from tests.support.inventories import plain
from tests.support.rendered import ROOT

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
SECRETS = {name: f"the-{name}-itself" for name in SECRET_NAMES}
OUTPUTS = {"contract": CONTRACT.model_dump(mode="json"), "secrets": SECRETS}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs an Ansible program of this environment on the stack `unit`; `pulumi` prints `outputs` there."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n'
        f"[ -e {tmp_path}/outputs ] && cat {tmp_path}/outputs && exit\n"
        "echo \"error: no stack named 'unit' found\" >&2; exit 255\n"
    )
    program.chmod(0o755)

    def start(*command: str, outputs: Any = None) -> subprocess.CompletedProcess[str]:
        if outputs is not None:
            (tmp_path / "outputs").write_text(json.dumps(outputs))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=tmp_path,
            env=environment
            | {
                "PATH": f"{program.parent}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "FLASHTIER_STACK": "unit",
                "FLASHTIER_STATE": str(tmp_path / "state"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_hosts_groups_and_variables_are_the_contract_s(run: Run, tmp_path: Path) -> None:
    done = run("ansible-inventory", "--list", outputs=OUTPUTS)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert not [value for value in SECRETS.values() if value in done.stdout + done.stderr]

    assert set(listed["flashtier"]["hosts"]) == {host.name for host in CONTRACT.hosts}
    groups = {name: set(group.get("hosts", [])) for name, group in listed.items() if name != "_meta"}
    for host in CONTRACT.hosts:
        assert {name for name, members in groups.items() if host.name in members} == {
            "flashtier",
            host.tier,
            *host.components,
        }

    known_hosts = (tmp_path / "state" / "unit" / "known_hosts").read_text()
    for host in CONTRACT.hosts:
        variables = plain(listed["_meta"]["hostvars"][host.name])
        assert variables["ansible_host"] == host.address
        assert variables["ansible_user"] == CONTRACT.access.user
        assert variables["ansible_ssh_private_key_file"] == CONTRACT.access.private_key_file
        assert "StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]
        assert f"UserKnownHostsFile={tmp_path}/state/unit/known_hosts" in variables["ansible_ssh_common_args"]
        assert f"{host.address}," in known_hosts
        assert host.ssh_host_key in known_hosts
        assert variables["flashtier_host"] == host.model_dump(mode="json")
        assert variables["contract"] == CONTRACT.model_dump(mode="json")


def test_no_play_runs_on_a_stack_that_cannot_be_read(run: Run) -> None:
    done = run("ansible-playbook", str(ROOT / "ansible" / "site.yml"))
    assert done.returncode != 0
    assert "PLAY" not in done.stdout
    said = done.stdout + done.stderr
    assert [line for line in said.splitlines() if "stack unit: does not exist in " in line], said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({}, "stack unit: has no outputs"),
        ({"contract": OUTPUTS["contract"] | {"hosts": []}}, "contract.hosts: "),
    ],
    ids=["no outputs", "no hosts"],
)
def test_what_is_not_a_contract_is_a_fault_of_the_inventory(
    outputs: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "outputs", lambda name: outputs)
    monkeypatch.setenv("FLASHTIER_STACK", "unit")
    inventory_loader.add_directory(str(ROOT / "ansible" / "plugins" / "inventory"))
    plugin = inventory_loader.get("pulumi_stack")
    with pytest.raises(AnsibleParserError, match=says):
        plugin.parse(InventoryData(), DataLoader(), str(ROOT / "ansible" / "inventory.pulumi_stack.yml"))


PLAY = """
- name: Secrets
  hosts: db1,db2,web1
  gather_facts: false
  connection: local
  become: false
  tasks:
    - name: Read a secret in each of two tasks
      ansible.builtin.assert:
        that: lookup('pulumi_secret', 'app_database_password') == 'the-app_database_password-itself'
    - name: Read two at once
      ansible.builtin.assert:
        that: query('pulumi_secret', 's3_app_access_key', 's3_app_secret_key')
          == ['the-s3_app_access_key-itself', 'the-s3_app_secret_key-itself']
"""


def test_all_lookups_of_a_run_take_one_call_of_the_cli(run: Run, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    done = run("ansible-playbook", str(tmp_path / "play.yml"), outputs=OUTPUTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_an_unknown_secret_is_refused_and_the_known_ones_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY.replace("app_database_password", "app_databse_password"))
    done = run("ansible-playbook", str(tmp_path / "play.yml"), outputs=OUTPUTS)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert (
        "pulumi_secret 'app_databse_password': stack 'unit' holds app_database_password, ca_private_key"
        in said
    )
    assert not [value for value in SECRETS.values() if value in said]
