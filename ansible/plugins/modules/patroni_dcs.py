#!/usr/bin/python
"""Ansible module: what etcd holds of a Patroni cluster, and its cluster-wide settings kept as declared."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_dcs
short_description: Reads a Patroni cluster's keys in etcd and keeps its settings
description:
  - Reads every key below C(/service/<scope>/) and C(/flashtier/<scope>/members/), over etcd's JSON gateway,
    from the first endpoint that answers.
  - With I(config), the key C(config) is made to hold exactly that, in one transaction that fails where
    someone else wrote it in the meantime. Only C(pause) stays while a maintenance is declared. With
    I(member), the member is recorded as one that has a copy.
  - With I(clear), keys of the cluster are removed first, whoever wrote them.
author: flashtier
extends_documentation_fragment: etcd_keys
options:
  config:
    description: What the key C(config) has to hold. Without it, nothing of the kind is changed.
    type: dict
  member:
    description: Name of a member, and the identity of its copy.
    type: dict
  forget:
    description: Name of a member whose record is removed, since its copy is.
    type: str
  clear:
    description: Names of keys below C(/service/<scope>/) that are removed, such as those of an old leader.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Read what etcd knows of the cluster
  patroni_dcs:
    endpoints: [https://10.88.0.150:2379]
    username: patroni
    password: "{{ lookup('pulumi_secret', 'etcd_patroni_password') }}"
    scope: local
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
  register: patroni_dcs
"""

RETURN = r"""
initialize:
  description: The cluster's system identifier, "" where none is known.
  returned: always
  type: str
leader:
  description: Name of the member that holds the leader's key, "" where none does.
  returned: always
  type: str
config:
  description: The cluster-wide settings; null where there are none.
  returned: always
  type: dict
sync:
  description: The key C(sync), null where there is none.
  returned: always
  type: dict
registered:
  description: Names of the members that run.
  returned: always
  type: list
copies:
  description: Of each member that has had a copy, what I(member) recorded.
  returned: always
  type: dict
"""

import http.client
import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_keys import OPTIONS, Etcd, Refused


def plain(value: str) -> dict[str, Any] | None:
    return json.loads(value) if value else None


def run(module: AnsibleModule) -> dict[str, Any]:
    options = module.params
    etcd = Etcd(options)
    cluster, copies = f"/service/{options['scope']}/", f"/flashtier/{options['scope']}/members/"
    maintenance = f"/flashtier/{options['scope']}/maintenance"
    keys, recorded = etcd.below(cluster), etcd.below(copies)
    result: dict[str, Any] = {"changed": False}
    cleared = [name for name in options["clear"] if keys.pop(name, None)]
    if not module.check_mode:
        for name in cleared:
            etcd.clear(cluster + name)
    value, revision = keys.get("config", ("", "0"))
    config, wanted = plain(value), options["config"]
    if wanted is not None and config and config.get("pause") and etcd.read(maintenance) is not None:
        wanted = wanted | {"pause": config["pause"]}
    if wanted is not None and config != wanted:
        result = {
            "changed": True,
            "diff": {"before": _shown(config), "after": _shown(wanted), "before_header": f"{cluster}config"},
        }
        if not module.check_mode:
            etcd.replace(f"{cluster}config", json.dumps(wanted, sort_keys=True), revision)
        config = wanted
    if cleared:
        result["changed"] = True
    if (member := options["member"]) is not None:
        name, text = member["name"], json.dumps(member, sort_keys=True)
        before, revision = recorded.get(name, ("", "0"))
        if before != text:
            result["changed"] = True
            if not module.check_mode:
                etcd.replace(copies + name, text, revision)
            recorded[name] = (text, "")
    if (gone := options["forget"]) in recorded:
        result["changed"] = True
        _, revision = recorded.pop(gone)
        if not module.check_mode:
            etcd.remove(copies + gone, revision)
    return result | {
        "initialize": keys.get("initialize", ("",))[0],
        "leader": keys.get("leader", ("",))[0],
        "config": config,
        "sync": plain(keys.get("sync", ("",))[0]),
        "registered": sorted(name.split("/")[1] for name in keys if name.startswith("members/")),
        "copies": {name: plain(value) for name, (value, _) in recorded.items()},
    }


def _shown(config: dict[str, Any] | None) -> str:
    return json.dumps(config, indent=2, sort_keys=True) + "\n" if config else ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "config": {"type": "dict"},
            "member": {"type": "dict"},
            "forget": {"type": "str"},
            "clear": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (Refused, OSError, ValueError, http.client.HTTPException) as error:
        module.fail_json(msg=f"etcd: {error}")
        return
    module.exit_json(**result)


if __name__ == "__main__":
    main()
