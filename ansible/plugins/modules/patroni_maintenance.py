#!/usr/bin/python
"""Ansible module: Patroni's maintenance mode, declared in etcd with an owner and an end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_maintenance
short_description: Declares that people work on a Patroni cluster, or ends that
description:
  - Declaring writes the key C(/flashtier/<scope>/maintenance), with a lease that ends with it, and Patroni's
    C(pause) into the cluster's settings, in one transaction. When the key is gone, each member removes
    C(pause) by itself (flashtier-postmaster).
  - Ending removes both, in one transaction.
author: flashtier
extends_documentation_fragment: etcd_keys
options:
  state:
    description: Whether it is declared or ended.
    type: str
    choices: [declared, ended]
    required: true
  owner:
    description: Who declares it.
    type: str
  reason:
    description: Why.
    type: str
  seconds:
    description: How long it lasts.
    type: int
"""

EXAMPLES = r"""
- name: End the maintenance
  patroni_maintenance:
    endpoints: [https://10.88.0.150:2379]
    username: procedure
    password: "{{ lookup('pulumi_secret', 'etcd_procedure_password') }}"
    scope: local
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
    state: ended
  no_log: true
"""

RETURN = r"""
line:
  description: What is so now, or was, in one line.
  returned: always
  type: str
"""

import http.client
import json
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_keys import OPTIONS, Etcd, Refused, delete, put, unchanged


def shown(value: dict[str, Any]) -> str:
    """Who, why and until when."""
    end = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(value.get("until", 0))))
    return f"maintenance of {value.get('owner')} ({value.get('reason')}) until {end}"


def declare(etcd: Etcd, options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Raises `Refused` where one is declared, or the cluster has no settings."""
    key, config = keys(options)
    if (found := etcd.read(key)) is not None:
        raise Refused(f"{shown(json.loads(found[0]))} is declared already; to end it: -e end=now")
    if (settings := etcd.read(config)) is None:
        raise Refused(f"{config} is not there: no cluster is known; run ansible/site.yml")
    now = time.time()
    value = {
        "owner": options["owner"],
        "reason": options["reason"],
        "since": now,
        "until": now + options["seconds"],
    }
    if not check:
        paused = json.dumps(json.loads(settings[0]) | {"pause": True}, sort_keys=True)
        lease = str(etcd.call("lease/grant", {"TTL": str(options["seconds"])})["ID"])
        same = [unchanged(key, "0"), unchanged(config, settings[1])]
        if not etcd.change_all(same, [put(key, json.dumps(value), lease), put(config, paused)]):
            etcd.call("lease/revoke", {"ID": lease})
            raise Refused(f"{key} or {config} was changed by someone else meanwhile; run the playbook again")
    return {"changed": True, "line": shown(value)}


def end(etcd: Etcd, options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Both keys as they are without a maintenance, also where Patroni was paused by hand."""
    key, config = keys(options)
    found, settings = etcd.read(key), etcd.read(config)
    plain = json.loads(settings[0]) if settings else {}
    if found is None and not plain.get("pause"):
        return {"changed": False, "line": "no maintenance is declared, and Patroni is not paused"}
    line = "Patroni was paused by hand" if found is None else shown(json.loads(found[0]))
    if not check:
        requests = [] if found is None else [delete(key)]
        same = [unchanged(key, "0" if found is None else found[1])]
        if settings and "pause" in plain:
            resumed = {name: item for name, item in plain.items() if name != "pause"}
            requests.append(put(config, json.dumps(resumed, sort_keys=True)))
            same.append(unchanged(config, settings[1]))
        if not etcd.change_all(same, requests):
            raise Refused(f"{key} or {config} was changed by someone else meanwhile; run the playbook again")
    return {"changed": True, "line": line}


def keys(options: dict[str, Any]) -> tuple[str, str]:
    """That of the maintenance, and that of the cluster's settings."""
    return f"/flashtier/{options['scope']}/maintenance", f"/service/{options['scope']}/config"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "state": {"type": "str", "choices": ["declared", "ended"], "required": True},
            "owner": {"type": "str"},
            "reason": {"type": "str"},
            "seconds": {"type": "int"},
        },
        required_if=[("state", "declared", ["owner", "reason", "seconds"])],
        supports_check_mode=True,
    )
    options = module.params
    act = declare if options["state"] == "declared" else end
    try:
        result = act(Etcd(options), options, module.check_mode)
    except (Refused, OSError, ValueError, http.client.HTTPException) as error:
        module.fail_json(msg=f"maintenance: {error}")
        return
    module.exit_json(**result)


if __name__ == "__main__":
    main()
