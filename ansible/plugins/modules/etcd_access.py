#!/usr/bin/python
"""Ansible module: who may do what in etcd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_access
short_description: Keeps etcd's accounts, roles and rights, exactly those that are declared
description:
  - Adds what is missing, sets a password that is another one, and removes accounts, roles and rights that
    no one declares. Asking for accounts is turned on last, when there are all of them.
  - Root's password is set by another account with the role root, if there is one, and the other way round.
    Both cannot be changed in one run.
author: flashtier
options:
  endpoints:
    description: Address of the client port of each declared member. Host's name to URL.
    type: dict
    required: true
  accounts:
    description: By name its roles, a list. The first with the role root is asked first.
    type: dict
    required: true
  passwords:
    description: By name of each account.
    type: dict
    required: true
  roles:
    description: >-
      By name a list of rights, each with key, prefix (whether it is about all keys that begin with it) and
      access (read or readwrite). The role root is etcd's own and not among them.
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
"""

EXAMPLES = r"""
- name: Keep who may do what
  etcd_access:
    endpoints: {control1: "https://192.0.2.1:2379"}
    accounts:
      root: [root]
    passwords:
      root: "{{ lookup('pulumi_secret', 'etcd_root_password') }}"
    roles: {}
    ca: /etc/flashtier/tls/ca.crt
    cert: /etc/flashtier/tls/host.crt
    key: /etc/flashtier/tls/host.key
  no_log: true
"""

RETURN = r"""
changes:
  description: What was changed, a line each; no line holds a password.
  returned: always
  type: list
cluster:
  description: The cluster's id, hexadecimal as etcd prints it.
  returned: always
  type: str
"""

import base64
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.etcd_api import EtcdError, Tls, ask, look, serving, sign_in

ROOT = "root"
#: As the gateway writes them; it leaves out READ, the first.
ACCESS = {"read": "READ", "readwrite": "READWRITE"}
REFUSED = "invalid user ID or password"

#: A right: its key, the end of its range ("" for one key) and READ, WRITE or READWRITE.
Right = tuple[str, str, str]


def end_of(prefix: str) -> str:
    """The first key after all that begin with `prefix`, of plain ASCII."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def rights(declared: list[Mapping[str, Any]]) -> set[Right]:
    """Declared rights as etcd has them."""
    return {
        (one["key"], end_of(one["key"]) if one["prefix"] else "", ACCESS[one["access"]]) for one in declared
    }


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


class Access:
    """What the cluster has, and the changes to it, made or, in check mode, only listed."""

    def __init__(self, module: AnsibleModule) -> None:
        asked = module.params
        self.check_mode = bool(module.check_mode)
        self.accounts: dict[str, list[str]] = asked["accounts"]
        self.passwords: dict[str, str] = asked["passwords"]
        self.roles = {name: rights(declared) for name, declared in asked["roles"].items()}
        self.tls = Tls(asked["ca"], asked["cert"], asked["key"])
        cluster = look(self.tls, asked["endpoints"])
        self.url = serving(cluster, asked["endpoints"])
        [self.cluster] = {
            f"{int(member.cluster_id):x}" for member in cluster.members.values() if member.healthy
        }
        self.auth = cluster.auth
        self.changes: list[str] = []
        self.token = self._token() if self.auth else ""

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an administrator."""
        found: dict[str, Any] = ask(self.tls, self.url, f"/v3/auth/{path}", body, self.token)
        return found

    def change(self, line: str, path: str, body: Mapping[str, Any]) -> None:
        """One change, and its line."""
        self.changes.append(line)
        if not self.check_mode:
            self.ask(path, body)

    def opens(self, name: str) -> str:
        """A token of the account; "" where its password is another one or there is no such account."""
        try:
            return str(sign_in(self.tls, self.url, name, self.passwords[name]))
        except EtcdError as error:
            if REFUSED in str(error):
                return ""
            raise

    def _token(self) -> str:
        administrators = [name for name, roles in self.accounts.items() if ROOT in roles]
        for name in administrators:
            if token := self.opens(name):
                return token
        raise EtcdError(
            f"the declared password of {' and of '.join(administrators)} is not the one in etcd. Bring back"
            " one of the former secrets, run the play, and change one at a time"
        )

    def keep_role(self, name: str, found: set[str]) -> None:
        """The role, with its rights and no other."""
        have: set[Right] = set()
        if name in found:
            permissions = self.ask("role/get", {"role": name}).get("perm", [])
            have = {
                (decoded(one["key"]), decoded(one.get("range_end", "")), one.get("permType", "READ"))
                for one in permissions
            }
        else:
            self.change(f"role {name}: added", "role/add", {"name": name})
        wanted = self.roles[name]
        # A right on the same range replaces the other; the rest is taken away first.
        kept = {right[:2] for right in wanted}
        for key, end, access in sorted(have - wanted):
            if (key, end) not in kept:
                self.change(
                    f"role {name}: {access} on {key!r} to {end!r} revoked",
                    "role/revoke",
                    {"role": name, "key": encoded(key), "range_end": encoded(end)},
                )
        for key, end, access in sorted(wanted - have):
            permission = {"permType": access, "key": encoded(key), "range_end": encoded(end)}
            self.change(
                f"role {name}: {access} on {key!r} to {end!r} granted",
                "role/grant",
                {"name": name, "perm": permission},
            )

    def keep_account(self, name: str, found: set[str]) -> None:
        """The account, with its password and its roles and no other."""
        wanted, have, password = self.accounts[name], [], self.passwords[name]
        if name not in found:
            self.change(f"account {name}: added", "user/add", {"name": name, "password": password})
        else:
            have = self.ask("user/get", {"name": name}).get("roles", [])
            # No one can try a password before accounts are asked for.
            if not self.auth or not self.opens(name):
                self.change(
                    f"account {name}: password set",
                    "user/changepw",
                    {"name": name, "password": password},
                )
        for role in sorted(set(wanted) - set(have)):
            self.change(f"account {name}: role {role} granted", "user/grant", {"user": name, "role": role})
        for role in sorted(set(have) - set(wanted)):
            self.change(f"account {name}: role {role} revoked", "user/revoke", {"name": name, "role": role})

    def keep(self) -> None:
        """All of it; accounts are asked for once there are all of them."""
        accounts = set(self.ask("user/list", {}).get("users", []))
        roles = set(self.ask("role/list", {}).get("roles", []))
        for name in self.roles:
            self.keep_role(name, roles)
        for name in self.accounts:
            self.keep_account(name, accounts)
        for name in sorted(accounts - set(self.accounts)):
            self.change(f"account {name}: removed, no one declares it", "user/delete", {"name": name})
        for name in sorted(roles - set(self.roles) - {ROOT}):
            self.change(f"role {name}: removed, no one declares it", "role/delete", {"role": name})
        if not self.auth:
            self.change("accounts are asked for from now on", "enable", {})


def main() -> None:
    """Keep what is declared."""
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "dict", "required": True},
            "accounts": {"type": "dict", "required": True},
            "passwords": {"type": "dict", "required": True, "no_log": True},
            "roles": {"type": "dict", "required": True},
            "ca": {"type": "path", "required": True},
            "cert": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        access = Access(module)
        access.keep()
    except EtcdError as error:
        module.fail_json(msg=f"etcd's accounts: {error}")
    text = "\n".join(access.changes)
    module.exit_json(
        changed=bool(access.changes),
        changes=access.changes,
        cluster=access.cluster,
        diff={"before": "", "after": f"{text}\n"},
    )


if __name__ == "__main__":
    main()
