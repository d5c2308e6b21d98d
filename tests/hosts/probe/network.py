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


def listeners(question):
    """[protocol, address, port, program] of every socket that waits for others."""
    found = []
    for line in run("ss", "-Hlntup").splitlines():
        protocol, _, _, _, local, _, *users = line.split()
        address, _, port = local.rpartition(":")
        program = re.search(r'\(\("([^"]+)"', " ".join(users))
        found.append([protocol, address.partition("%")[0], int(port), program[1] if program else ""])
    return sorted(found)


def installed(question):
    """The certificates that the roles put on the host, as PEM."""
    return {name: read(f"{TLS}/{name}") for name in ("ca.crt", "host.crt")}


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
