#!/usr/bin/python
"""Ansible module: what the members of etcd say of themselves and of their cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_look
short_description: Reads members, the list of members and whether accounts are asked for
description:
  - Changes nothing, in check mode too. All members are asked at once, each with a deadline; one that does
    not answer is reported as not healthy, with the reason.
author: flashtier
options:
  endpoints:
    description: Address of the client port of each declared member. Host's name to URL.
    type: dict
    required: true
  ca:
    description: The authority that signs the members' certificates.
    type: path
    required: true
  cert:
    description: The certificate of this host.
    type: path
    required: true
  key:
    description: The key of this host.
    type: path
    required: true
  healthy:
    description: Members to wait for.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds to wait for them, at most. Fails when one of them does not serve by then.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Read what the members say
  etcd_look:
    endpoints: {control1: https://192.0.2.1:2379}
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
  register: etcd_cluster
"""

RETURN = r"""
members:
  description: >-
    By host: healthy, member_id, cluster_id, leader, learner, version and error (why it is not healthy).
  returned: always
  type: dict
listed:
  description: >-
    Members as the cluster has them, with member_id, name, peer_urls and learner; [] where none serves.
  returned: always
  type: list
auth:
  description: Whether the cluster asks for accounts.
  returned: always
  type: bool
"""

import dataclasses

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_api import Tls, wait


def main() -> None:
    """Ask all of them."""
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "dict", "required": True},
            "ca": {"type": "path", "required": True},
            "cert": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "healthy": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    tls = Tls(asked["ca"], asked["cert"], asked["key"])
    cluster = wait(tls, asked["endpoints"], asked["healthy"], asked["wait"])
    waiting = [name for name in asked["healthy"] if name not in cluster.healthy]
    if waiting:
        why = "; ".join(f"{name}: {cluster.members[name].error or 'has no leader'}" for name in waiting)
        module.fail_json(msg=f"etcd does not serve after {asked['wait']} s: {why}")
    module.exit_json(changed=False, **dataclasses.asdict(cluster))


if __name__ == "__main__":
    main()
