"""Ansible inventory of one stack, read from its Pulumi outputs."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin

from infra.aws.cli import CONNECT_S, refuse_unfit_cli
from infra.contract import Contract, ContractHost
from infra.errors import FlashtierError
from infra.reach import ssh
from infra.stack.outputs import read_contract, write_ca, write_known_hosts
from infra.topology import ADDRESS_BLOCKS

DOCUMENTATION = """
name: pulumi_stack
short_description: Hosts of a flashtier stack, from its Pulumi outputs
description:
  - Reads the output C(contract) of one stack (see infra/contract.py) with the C(pulumi) command line.
  - Makes the group C(flashtier) of all hosts, one group for each tier (C(edge), C(web), C(database),
    C(control)) and one for each component of the contract (C(postgresql), C(prometheus), C(s3), ...).
  - A tier or component without a host is an empty group, so that a play for it does not warn.
  - Sets C(contract), the whole contract, on the group C(all), and C(flashtier_host), the host's own part of
    it, on each host.
  - On AWS each connection goes through the stack's EC2 Instance Connect Endpoint, by the AWS CLI (version
    2) with the credentials that it finds. Hosts have no public address.
  - Host keys come from the contract and are always checked. Secrets are not part of the inventory; the lookup
    C(pulumi_secret) reads them.
options:
  plugin:
    description: Names this plugin; marks the file as its configuration.
    type: str
    required: true
    choices: [pulumi_stack]
  stack:
    description: The stack to read.
    type: str
    default: local
    env:
      - name: FLASHTIER_STACK
"""

EXAMPLES = """
# inventory.pulumi_stack.yml
plugin: pulumi_stack
"""

#: The interpreter of the hosts' distribution (Debian 13: Python 3.13), so that nothing has to look for one.
PYTHON = "/usr/bin/python3"
#: As in ansible.cfg, section ssh_connection.
KEEP_ALIVE = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ControlMaster=no"


class InventoryModule(BaseInventoryPlugin):
    """Fills the inventory from a stack's contract; every fault is one line."""

    NAME = "pulumi_stack"

    def verify_file(self, path: str) -> bool:
        """Whether `path` is a configuration of this plugin: its name ends in `pulumi_stack.yml`."""
        return bool(super().verify_file(path)) and path.endswith(("pulumi_stack.yml", "pulumi_stack.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the stack's hosts. Raises `AnsibleParserError` when its contract cannot be read."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            contract = read_contract(self.get_option("stack"))
            known_hosts = write_known_hosts(contract)
            write_ca(contract)
            if contract.access.proxy is not None:
                refuse_unfit_cli(contract.stack)
        except FlashtierError as error:
            raise AnsibleParserError(str(error)) from None
        for group in ("flashtier", *ADDRESS_BLOCKS, *(component.name for component in contract.components)):
            inventory.add_group(group)
        inventory.set_variable("all", "contract", contract.model_dump(mode="json"))
        for host in contract.hosts:
            self._add(host, contract, known_hosts)

    def _add(self, host: ContractHost, contract: Contract, known_hosts: Path) -> None:
        self.inventory.add_host(host.name, group="flashtier")
        for group in (host.tier, *host.components):
            self.inventory.add_group(group)
            self.inventory.add_child(group, host.name)
        proxy = contract.access.proxy
        options = ssh.options(contract, host, known_hosts).items()
        variables = {
            "ansible_host": host.address,
            "ansible_user": contract.access.user,
            "ansible_ssh_private_key_file": contract.access.private_key_file,
            "ansible_ssh_common_args": " ".join(
                f'-o {name}="{value}"' if " " in value else f"-o {name}={value}" for name, value in options
            ),
            "ansible_python_interpreter": PYTHON,
            "flashtier_host": host.model_dump(mode="json"),
        }
        if proxy is not None:
            # Both in place of the 15 s of ansible.cfg, where the first value that ssh is given counts.
            variables |= {
                "ansible_timeout": CONNECT_S,
                "ansible_ssh_args": f"-o ConnectTimeout={CONNECT_S} {KEEP_ALIVE}",
            }
        for name, value in variables.items():
            self.inventory.set_variable(host.name, name, value)
