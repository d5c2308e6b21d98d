"""etcd's JSON gateway: one request, what every member says of itself, and the ways in which it refuses."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

#: Seconds for one request. Without a leader a member holds a proposal for longer than that.
DEADLINE = 5.0
#: Seconds between two rounds of a wait.
PAUSE = 0.5
NOT_FOUND = 404


class EtcdError(Exception):
    """A member did not answer, or refused; the text says which and why."""


@dataclass(frozen=True)
class Tls:
    """Files of the host: who is trusted, and by what it is known itself."""

    ca: str
    cert: str
    key: str

    def context(self) -> ssl.SSLContext:
        """Raises `EtcdError` where a file is missing or is no certificate or key."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise EtcdError(f"{self.ca}, {self.cert}, {self.key}: {error}") from error
        return context


def ask(
    tls: Tls, url: str, path: str, body: Mapping[str, Any] | None = None, token: str = ""
) -> dict[str, Any]:
    """The answer of the member at `url` (scheme, host and port); GET without a body, else POST.

    Raises `EtcdError` with etcd's own words where it refuses.
    """
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(
        place.hostname or "", place.port, timeout=DEADLINE, context=tls.context()
    )
    headers = {"Authorization": token} if token else {}
    try:
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, body=json.dumps(body), headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise EtcdError(f"{url}{path}: {error}") from error
    finally:
        connection.close()
    try:
        found = json.loads(text)
    except ValueError:
        found = {"message": text.strip()[:200]}
    if answer.status != http.client.OK and not (path == "/health" and "health" in found):
        raise EtcdError(f"{url}{path}: {found.get('message') or found.get('error') or answer.status}")
    return dict(found)


def sign_in(tls: Tls, url: str, user: str, password: str) -> str:
    """A token of that account. Raises `EtcdError` where the password is not its."""
    answer = ask(tls, url, "/v3/auth/authenticate", {"name": user, "password": password})
    return str(answer["token"])


@dataclass(frozen=True)
class Member:
    """What the member behind an address says of itself; ids are decimal text, as the gateway writes them."""

    healthy: bool = False
    member_id: str = ""
    cluster_id: str = ""
    leader: str = ""
    learner: bool = False
    version: str = ""
    error: str = ""


@dataclass(frozen=True)
class Listed:
    """A member as the cluster knows it. One that has never started has no name yet."""

    member_id: str
    name: str
    peer_urls: tuple[str, ...]
    learner: bool


@dataclass(frozen=True)
class Cluster:
    """Members by the host's name, the list that a healthy one gives, and whether accounts are asked for."""

    members: dict[str, Member] = field(default_factory=dict)
    listed: tuple[Listed, ...] = ()
    auth: bool = False

    @property
    def healthy(self) -> list[str]:
        """Hosts whose member serves."""
        return [name for name, member in self.members.items() if member.healthy]


def member_at(tls: Tls, url: str) -> Member:
    """What the member at `url` says of itself; never raises."""
    try:
        status = ask(tls, url, "/v3/maintenance/status", {})
    except EtcdError as error:
        return Member(error=str(error))
    try:
        health = ask(tls, url, "/health")
    except EtcdError as error:
        health = {"health": "false", "reason": str(error)}
    header = status["header"]
    return Member(
        healthy=health["health"] == "true",
        member_id=str(header["member_id"]),
        cluster_id=str(header["cluster_id"]),
        leader=str(status.get("leader", "")),
        learner=bool(status.get("isLearner", False)),
        version=str(status.get("version", "")),
        error=str(health.get("reason", "")),
    )


def listed_at(tls: Tls, url: str) -> tuple[Listed, ...]:
    """The cluster's members as the leader has them. Raises `EtcdError`."""
    answer = ask(tls, url, "/v3/cluster/member/list", {"linearizable": True})
    return tuple(
        Listed(
            member_id=str(one["ID"]),
            name=str(one.get("name", "")),
            peer_urls=tuple(one.get("peerURLs", [])),
            learner=bool(one.get("isLearner", False)),
        )
        for one in answer["members"]
    )


def auth_at(tls: Tls, url: str) -> bool:
    """Whether the cluster asks for accounts. One that does answers no one without one. Raises `EtcdError`."""
    try:
        return bool(ask(tls, url, "/v3/auth/status", {}).get("enabled", False))
    except EtcdError as error:
        if "user name is empty" in str(error):
            return True
        raise


def look(tls: Tls, endpoints: Mapping[str, str]) -> Cluster:
    """All members at once, then the list and the state of accounts from one that serves; never raises."""
    if not endpoints:
        return Cluster()
    with ThreadPoolExecutor(max_workers=len(endpoints)) as pool:
        found = dict(
            zip(endpoints, pool.map(lambda url: member_at(tls, url), endpoints.values()), strict=True)
        )
    for name, member in found.items():
        if member.healthy and not member.learner:
            try:
                return Cluster(found, listed_at(tls, endpoints[name]), auth_at(tls, endpoints[name]))
            except EtcdError:
                continue
    return Cluster(found)


def wait(tls: Tls, endpoints: Mapping[str, str], names: list[str], seconds: float) -> Cluster:
    """As `look`, as soon as the members of `names` serve, or after `seconds` with what there is then."""
    end = time.monotonic() + seconds
    while True:
        cluster = look(tls, endpoints)
        if set(names) <= set(cluster.healthy) or time.monotonic() > end:
            return cluster
        time.sleep(PAUSE)


def quorum(cluster: Cluster) -> tuple[int, int]:
    """How many voting members serve, and how many must. (0, 1) where no one can tell."""
    voters = [one for one in cluster.listed if not one.learner]
    serving = {cluster.members[name].member_id for name in cluster.healthy}
    return len([one for one in voters if one.member_id in serving]), len(voters) // 2 + 1


def serving(cluster: Cluster, endpoints: Mapping[str, str]) -> str:
    """Address of the leader, else of a voting member that serves. Raises `EtcdError` with what each one says.

    A learner is given its vote by the leader alone: another member passes the request on without the
    account that made it, which the leader refuses until time is up (3.5, EtcdServer.PromoteMember).
    """
    able = [name for name in cluster.healthy if not cluster.members[name].learner]
    leading = [name for name in able if cluster.members[name].leader == cluster.members[name].member_id]
    for name in (*leading, *able):
        return endpoints[name]
    said = "; ".join(f"{name}: {member.error or 'no leader'}" for name, member in cluster.members.items())
    raise EtcdError(f"no member of etcd serves: {said}")
