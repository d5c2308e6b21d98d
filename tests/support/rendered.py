"""Templates as Ansible renders them, with role variables made from a contract by group_vars/ alone."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader, lookup_loader
from ansible.template import Templar, trust_as_template

from infra.contract import Contract
from infra.paths import ROOT

# Once a process: lookups and filters of collections are found from here on.
init_plugin_loader()
# As ansible.cfg has it, which is read only where tools/env.sh was.
filter_loader.add_directory(str(ROOT / "ansible" / "plugins" / "filter"))
lookup_loader.add_directory(str(ROOT / "ansible" / "plugins" / "lookup"))
#: How Ansible's module template renders, and the kit's host_files after it.
AS_FILES = {"trim_blocks": True, "lstrip_blocks": True, "newline_sequence": "\n"}
MAPPINGS = ROOT / "ansible" / "group_vars" / "flashtier"
#: Tables that several roles read.
SHARED = ROOT / "ansible" / "group_vars" / "all"


def trusted(value: Any) -> Any:
    """A value of a vars file, as Ansible loads it: its texts may be templates."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return [trusted(item) for item in value] if isinstance(value, list) else value


def mapping(role: str) -> dict[str, Any]:
    """What group_vars/ gives the role, untemplated; nothing to a role without variables."""
    path = MAPPINGS / f"{role}.yml"
    declared: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return declared


def templar(contract: Contract, host: str, role: str, **more: Any) -> Templar:
    """Ansible's own templating, with the variables that `role` has on `host`, its vars/main.yml included."""
    own = ROOT / "ansible" / "roles" / role / "vars" / "main.yml"
    declared = mapping(role) | (yaml.safe_load(own.read_text()) if own.exists() else {})
    plain = json.loads(contract.model_dump_json())
    shared = [yaml.safe_load(path.read_text()) for path in sorted(SHARED.glob("*.yml"))]
    known = {
        **{name: trusted(value) for variables in shared for name, value in variables.items()},
        "contract": plain,
        "flashtier_host": next(one for one in plain["hosts"] if one["name"] == host),
        "inventory_hostname": host,
        "ansible_check_mode": False,
    }
    return Templar(loader=DataLoader(), variables=known | trusted(declared) | more)


def render(contract: Contract, host: str, role: str, template: str, **more: Any) -> str:
    """`templates/<role>/<template>` as it is written on `host`."""
    text = trust_as_template((ROOT / "templates" / role / template).read_text())
    known = templar(contract, host, role, **more)
    return str(known.template(text, escape_backslashes=False, overrides=AS_FILES))
