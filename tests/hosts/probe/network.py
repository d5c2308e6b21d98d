"""Addresses, firewall, listening sockets, and the certificates that they show."""

import base64
import json
import re
import socket
import ssl
import struct

from tests.hosts.probe.base import read, run

TLS = "/etc/flashtier/tls"


def network(question):
    established = run("ss", "-Htn", "state", "established", "sport = :22").splitlines()
    return {
        "addresses": json.loads(run("ip", "-j", "-4", "address", "show")),
        "routes": json.loads(run("ip", "-j", "-4", "route", "show")),
        "ssh_clients": sorted({line.split()[3].rpartition(":")[0] for line in established}),
        "nftables": json.loads(run("nft", "-j", "list", "ruleset"))["nftables"],
    }


def ways(question):
    """Interfaces, routes, rules of routing, queues and resolvers, as whole lists."""
    routes = json.loads(run("ip", "-j", "-4", "route", "show", "table", "all"))
    rules = json.loads(run("ip", "-j", "rule", "show"))
    return {
        "interfaces": {link["ifname"]: link["mtu"] for link in json.loads(run("ip", "-j", "link", "show"))},
        "routes": sorted(
            f"{route['dst']} {route.get('gateway', '')}".strip()
            for route in routes
            if route.get("table") != "local"
        ),
        "rules": [[rule["priority"], rule["src"], rule["table"]] for rule in rules],
        "queues": sorted({queue["kind"] for queue in json.loads(run("tc", "-j", "qdisc", "show"))}),
        "resolvers": [
            line.split()[1] for line in read("/etc/resolv.conf").splitlines() if line.startswith("nameserver")
        ],
    }


def firewall(question):
    """The rules in effect, and those that the file on disk gives in a network of its own."""
    return {
        "in effect": run("nft", "--stateless", "--terse", "list", "ruleset").splitlines(),
        "of the file": run(
            "unshare",
            "--net",
            "sh",
            "-c",
            "nft --file /etc/nftables.conf && nft --stateless --terse list ruleset",
        ).splitlines(),
    }


def listeners(question):
    """[protocol, address, port, program] of every socket that waits for others."""
    found = []
    for line in run("ss", "-Hlntup").splitlines():
        protocol, _, _, _, local, _, *users = line.split()
        address, _, port = local.rpartition(":")
        program = re.search(r'\(\("([^"]+)"', " ".join(users))
        found.append([protocol, address.partition("%")[0], int(port), program[1] if program else ""])
    return sorted(found)


def raw_sockets(question):
    """[protocol, where, program] of every socket that sees packets past TCP and UDP."""
    found = []
    for line in run("ss", "-Hnap", "--raw", "--packet").splitlines():
        protocol, _, _, _, local, *rest = line.split()
        program = re.search(r'\(\("([^"]+)"', " ".join(rest))
        found.append([protocol, local, program[1] if program else ""])
    return sorted(found)


def installed(question):
    """The certificates that the roles put on the host, as PEM, and the public half of the key."""
    found = {name: read(f"{TLS}/{name}") for name in ("ca.crt", "host.crt")}
    return {**found, "public half": run("openssl", "pkey", "-in", f"{TLS}/host.key", "-pubout")}


def certificates(question):
    """By port: the certificate (DER, base64) that a client is shown over the host's own address."""
    found = {}
    for port in question["ports"]:
        try:
            found[str(port)] = shown(question["address"], port, port == question["postgresql_port"])
        except OSError as error:
            found[str(port)] = {"error": str(error)}
    return found


def shown(address, port, postgresql):
    context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
    context.check_hostname = False  # names are checked on the controller, from the same certificate
    with socket.create_connection((address, port), timeout=5) as plain:
        if postgresql:
            plain.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
            if plain.recv(1) != b"S":
                return {"error": "PostgreSQL refuses TLS"}
        with context.wrap_socket(plain) as secured:
            certificate = base64.b64encode(secured.getpeercert(binary_form=True)).decode()
            return {"certificate": certificate, "version": secured.version()}
