#!/usr/bin/python
"""Ansible module: which members etcd's cluster has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Adds a member under a new id, makes it vote, or removes members that no one declares
description:
  - C(added) removes whatever the cluster knows under the member's name or peer address and adds it as a
    learner, which has a new id and no vote. So a host that lost its data never comes back with an id whose
    votes and log it no longer has.
  - C(voting) waits until a learner has the leader's log, and gives it a vote.
  - C(pruned) removes members whose peer address is not declared.
  - Each needs a quorum of voting members that serve, and changes nothing without one.
author: flashtier
options:
  state:
    description: What is wanted.
    type: str
    required: true
    choices: [added, voting, pruned]
  name:
    description: The member's name; of no meaning to C(pruned).
    type: str
    default: ""
  peers:
    description: Peer address of each declared member. Host's name to URL.
    type: dict
    required: true
  endpoints:
    description: Address of the client port of each declared member. Host's name to URL.
    type: dict
    required: true
  user:
    description: An account with the role root; asked for only where the cluster asks for accounts.
    type: str
    required: true
  password:
    description: Its password.
    type: str
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
  wait:
    description: Seconds for the whole change, at most.
    type: int
    default: 90
"""

EXAMPLES = r"""
- name: Add the member under a new id
  etcd_member:
    state: added
    name: control3
    peers: {control1: "https://192.0.2.1:2380", control3: "https://192.0.2.3:2380"}
    endpoints: {control1: "https://192.0.2.1:2379", control3: "https://192.0.2.3:2379"}
    user: root
    password: "{{ lookup('pulumi_secret', 'etcd_root_password') }}"
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
  no_log: true
"""

RETURN = r"""
initial_cluster:
  description: Members with their peer addresses, as a new member wants them (ETCD_INITIAL_CLUSTER).
  returned: always
  type: str
removed:
  description: Ids of members that were removed, hexadecimal as etcd prints them.
  returned: always
  type: list
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_api import (
    PAUSE,
    Cluster,
    EtcdError,
    Listed,
    Tls,
    ask,
    listed_at,
    look,
    quorum,
    serving,
    sign_in,
)

#: What etcd answers while a change of members has to wait: its peers are not connected for 5 s yet, or a
#: learner's log is behind.
NOT_YET = ("unhealthy cluster", "can only promote a learner member which is in sync with leader")


class Changes:
    """Requests to one member that serves, as root, until a deadline."""

    def __init__(self, module: AnsibleModule) -> None:
        asked = module.params
        self.tls = Tls(asked["ca"], asked["cert"], asked["key"])
        self.endpoints: Mapping[str, str] = asked["endpoints"]
        self.end = time.monotonic() + asked["wait"]
        self.cluster = look(self.tls, self.endpoints)
        self.url = serving(self.cluster, self.endpoints)
        have, need = quorum(self.cluster)
        if have < need:
            raise EtcdError(f"{have} of {need} members that a quorum needs serve; nothing was changed")
        self.token = (
            sign_in(self.tls, self.url, asked["user"], asked["password"]) if self.cluster.auth else ""
        )

    def make(self, path: str, body: Mapping[str, Any]) -> None:
        """One change; asked for again while etcd says that it has to wait."""
        while True:
            try:
                ask(self.tls, self.url, path, body, self.token)
            except EtcdError as error:
                if not any(text in str(error) for text in NOT_YET) or time.monotonic() > self.end:
                    raise
                time.sleep(PAUSE)
            else:
                return

    def listed(self) -> tuple[Listed, ...]:
        """The members as they are now."""
        found: tuple[Listed, ...] = listed_at(self.tls, self.url)
        return found


def old_entries(cluster: Cluster, name: str, peer: str) -> list[Listed]:
    """What the cluster knows under the name or the address of a member that is to come."""
    return [one for one in cluster.listed if one.name == name or peer in one.peer_urls]


def undeclared(cluster: Cluster, peers: Mapping[str, str]) -> list[Listed]:
    """Members at addresses that no one declares."""
    return [one for one in cluster.listed if not set(one.peer_urls) & set(peers.values())]


def initial_cluster(listed: tuple[Listed, ...], peers: Mapping[str, str]) -> str:
    """`name=peer address` of each; a member that has never started gets the declared name."""
    names = {url: name for name, url in peers.items()}
    return ",".join(f"{one.name or names.get(url, '')}={url}" for one in listed for url in one.peer_urls)


def remove(changes: Changes, entries: list[Listed], check_mode: bool) -> list[str]:
    """Remove them; their ids."""
    for one in entries:
        if not check_mode:
            changes.make("/v3/cluster/member/remove", {"ID": one.member_id})
    return [f"{int(one.member_id):x}" for one in entries]


def added(changes: Changes, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """A new learner in place of what was known under its name."""
    peer = asked["peers"][asked["name"]]
    gone = remove(changes, old_entries(changes.cluster, asked["name"], peer), check_mode)
    if not check_mode:
        changes.make("/v3/cluster/member/add", {"peerURLs": [peer], "isLearner": True})
    return {"changed": True, "removed": gone}


def voting(changes: Changes, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """A vote for the member, if it has none."""
    peer = asked["peers"][asked["name"]]
    learners = [one for one in changes.listed() if peer in one.peer_urls and one.learner]
    for one in learners:
        if not check_mode:
            changes.make("/v3/cluster/member/promote", {"ID": one.member_id})
    return {"changed": bool(learners), "removed": []}


def pruned(changes: Changes, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """No member that no one declares."""
    gone = remove(changes, undeclared(changes.cluster, asked["peers"]), check_mode)
    return {"changed": bool(gone), "removed": gone}


STATES: dict[str, Callable[[Changes, Mapping[str, Any], bool], dict[str, Any]]] = {
    "added": added,
    "voting": voting,
    "pruned": pruned,
}


def main() -> None:
    """Make the one change that is asked for."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": list(STATES)},
            "name": {"type": "str", "default": ""},
            "peers": {"type": "dict", "required": True},
            "endpoints": {"type": "dict", "required": True},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca": {"type": "path", "required": True},
            "cert": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "wait": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        changes = Changes(module)
        done = STATES[asked["state"]](changes, asked, module.check_mode)
        module.exit_json(initial_cluster=initial_cluster(changes.listed(), asked["peers"]), **done)
    except EtcdError as error:
        module.fail_json(msg=f"etcd member {asked['name'] or 'list'}: {error}")


if __name__ == "__main__":
    main()
