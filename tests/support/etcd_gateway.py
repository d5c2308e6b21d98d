"""etcd's JSON gateway from memory: the answers that 3.5.16 gives to what the kit's modules ask of it."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from tests.support import host_modules

#: What etcd says; the modules read some of it.
WRONG = "etcdserver: authentication failed, invalid user ID or password"
NOBODY = "etcdserver: user name is empty"
DENIED = "etcdserver: permission denied"


@dataclass
class Gateway:
    """A cluster: members by host's name, accounts, rights, and whether accounts are asked for."""

    members: dict[str, dict[str, Any]]
    down: set[str] = field(default_factory=set)
    auth: bool = False
    passwords: dict[str, str] = field(default_factory=dict)
    granted: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    #: Who leads; the first that is up where nobody is named.
    leads: str = ""
    #: How often a learner is not ready yet when it is to get its vote.
    behind: int = 0
    #: Paths and bodies of what was changed.
    made: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def errors(self) -> Any:
        host_modules.load("etcd_look")
        return sys.modules["ansible.module_utils.etcd_api"]

    def ask(
        self, tls: Any, url: str, path: str, body: Mapping[str, Any] | None = None, token: str = ""
    ) -> dict[str, Any]:
        name = url.removeprefix("https://").partition(":")[0]
        if name in self.down:
            raise self.errors.EtcdError(f"{url}{path}: [Errno 111] Connection refused")
        answer = self.answer(name, path, body or {}, token)
        if isinstance(answer, str):
            raise self.errors.EtcdError(f"{url}{path}: {answer}")
        return answer

    def answer(self, name: str, path: str, body: Mapping[str, Any], token: str) -> dict[str, Any] | str:
        voters = [one for one in self.members if not self.members[one].get("isLearner")]
        alive = [one for one in voters if one not in self.down]
        leader = (self.leads or alive[0]) if len(alive) > len(voters) // 2 else None
        if path == "/health":
            return {"health": "true"} if leader else {"health": "false", "reason": "RAFT NO LEADER"}
        header = {"cluster_id": "12648430", "member_id": self.members[name]["ID"]}
        if path == "/v3/maintenance/status":
            return {
                "header": header,
                "version": "3.5.16",
                **({"leader": self.members[leader]["ID"]} if leader else {}),
            }
        if leader is None:
            return "etcdserver: request timed out"
        if path == "/v3/cluster/member/list":
            return {"members": list(self.members.values())}
        if path == "/v3/auth/authenticate":
            if not self.auth:
                return "etcdserver: authentication is not enabled"
            right = self.passwords.get(body["name"]) == body["password"]
            return {"token": body["name"]} if right else WRONG
        if self.auth and not token:
            return NOBODY
        if self.auth and "root" not in self.granted[token]:
            return DENIED
        return self.administer(path, body, asked_leader=name == leader)

    def administer(self, path: str, body: Mapping[str, Any], *, asked_leader: bool) -> dict[str, Any] | str:
        match path.removeprefix("/v3/").removeprefix("auth/"):
            case "status":
                return {"enabled": True} if self.auth else {}
            case "user/list":
                return {"users": sorted(self.passwords)} if self.passwords else {}
            case "role/list":
                return {"roles": sorted(self.roles)} if self.roles else {}
            case "user/get":
                return {"roles": list(self.granted[body["name"]])}
            case "role/get":
                return {"perm": [_sent(*one, access) for one, access in self.roles[body["role"]].items()]}
        if path.endswith("/promote") and not asked_leader:
            return "The read operation timed out"
        if path.endswith("/promote") and self.behind:
            self.behind -= 1
            return "etcdserver: can only promote a learner member which is in sync with leader"
        self.made.append((path, body))
        self.change(path, body)
        return {}

    def change(self, path: str, body: Mapping[str, Any]) -> None:
        match path.removeprefix("/v3/").removeprefix("auth/"):
            case "enable":
                assert "root" in self.granted["root"]
                self.auth = True
            case "user/add":
                self.passwords[body["name"]], self.granted[body["name"]] = body["password"], []
            case "user/changepw":
                self.passwords[body["name"]] = body["password"]
            case "user/delete":
                del self.passwords[body["name"]], self.granted[body["name"]]
            case "user/grant":
                self.granted[body["user"]].append(body["role"])
            case "user/revoke":
                self.granted[body["name"]].remove(body["role"])
            case "role/add":
                self.roles[body["name"]] = {}
            case "role/delete":
                del self.roles[body["role"]]
            case "role/grant":
                right = body["perm"]
                self.roles[body["name"]][right["key"], right["range_end"]] = right["permType"]
            case "role/revoke":
                del self.roles[body["role"]][body["key"], body["range_end"]]
            case "cluster/member/remove":
                [name] = [name for name, one in self.members.items() if one["ID"] == body["ID"]]
                del self.members[name]
            case "cluster/member/add":
                [url] = body["peerURLs"]
                name = url.removeprefix("https://").partition(":")[0]
                self.members[name] = {"ID": "99", "peerURLs": [url], "isLearner": body["isLearner"]}
            case "cluster/member/promote":
                for one in self.members.values():
                    if one["ID"] == body["ID"]:
                        one["isLearner"] = False
            case other:
                raise AssertionError(f"nobody answers {other}")

    def patched(self, module: str) -> Any:
        """`module` and what it shares ask this cluster."""
        loaded = host_modules.load(module)
        own = mock.patch.object(loaded, "ask", self.ask) if hasattr(loaded, "ask") else nullcontext()
        return mock.patch.object(self.errors, "ask", self.ask), own


def _sent(key: str, end: str, access: str) -> dict[str, str]:
    """As the gateway leaves out what is a default."""
    right = {"permType": access, "key": key, "range_end": end}
    return {name: value for name, value in right.items() if value not in ("READ", "")}


def key(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def cluster(*names: str, **more: Any) -> Gateway:
    """Members that have started, by name; hosts are reached by it."""
    members = {
        name: {"ID": str(number), "name": name, "peerURLs": [f"https://{name}:2380"]}
        for number, name in enumerate(names, start=1)
    }
    return Gateway(members, **more)
