#!/usr/bin/python
"""Ansible module: whether a leader that is stuck or gone gives way, switched off and on in etcd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: takeover_switch
short_description: Switches takeovers of a cluster off or on
description:
  - Off is the key C(/flashtier/<scope>/takeover/off), which has no end. While it is there, no unit takes a
    leader's lead, whatever the environment declares. On removes it.
author: flashtier
extends_documentation_fragment: etcd_keys
options:
  state:
    description: Whether it is off or on.
    type: str
    choices: ["off", "on"]
    required: true
  owner:
    description: Who switches it off.
    type: str
  reason:
    description: Why.
    type: str
"""

EXAMPLES = r"""
- name: Have a leader that is stuck or gone give way again
  takeover_switch:
    endpoints: [https://10.88.0.150:2379]
    username: procedure
    password: "{{ lookup('pulumi_secret', 'etcd_procedure_password') }}"
    scope: local
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
    state: "on"
  no_log: true
"""

RETURN = r"""
line:
  description: What is so now, in one line.
  returned: always
  type: str
"""

import http.client
import json
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_keys import OPTIONS, Etcd, Refused


def switch(etcd: Etcd, options: dict[str, Any], check: bool) -> dict[str, Any]:
    """Raises `Refused` where someone else switches it at the same moment."""
    key = f"/flashtier/{options['scope']}/takeover/off"
    found = etcd.read(key)
    if options["state"] == "on":
        if found is not None and not check:
            etcd.remove(key, found[1])
        return {"changed": found is not None, "line": "takeovers are on, where they are declared"}
    value = {"owner": options["owner"], "reason": options["reason"], "since": time.time()}
    # Who was first stays named.
    if found is None and not check:
        etcd.replace(key, json.dumps(value), "0")
    now = value if found is None else json.loads(found[0])
    return {
        "changed": found is None,
        "line": f"takeovers are off, by {now.get('owner')} ({now.get('reason')})",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "state": {"type": "str", "choices": ["off", "on"], "required": True},
            "owner": {"type": "str"},
            "reason": {"type": "str"},
        },
        required_if=[("state", "off", ["owner", "reason"])],
        supports_check_mode=True,
    )
    options = module.params
    try:
        result = switch(Etcd(options), options, module.check_mode)
    except (Refused, OSError, ValueError, http.client.HTTPException) as error:
        module.fail_json(msg=f"takeover: {error}")
        return
    module.exit_json(**result)


if __name__ == "__main__":
    main()
