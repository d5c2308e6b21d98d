"""Addresses, firewall, listening sockets, and the certificates that they show."""

import base64
import json
import re
import socket
import ssl
import struct

from tests.hosts.probe.base import read, run


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


def certificates(question):
    """The certificate (DER, base64) that each port shows to a client, asked over the host's own address."""
    context = ssl.create_default_context(cafile="/etc/flashtier/tls/ca.crt")
    context.check_hostname = False  # names are checked on the controller, from the same certificate
    found = {}
    for port in question["ports"]:
        with socket.create_connection((question["address"], port), timeout=5) as plain:
            if port == question["postgresql_port"]:
                plain.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
                if plain.recv(1) != b"S":
                    raise RuntimeError(f"port {port}: PostgreSQL refuses TLS")
            with context.wrap_socket(plain) as secured:
                shown = base64.b64encode(secured.getpeercert(binary_form=True)).decode()
                found[str(port)] = {"certificate": shown, "version": secured.version()}
    installed = {name: read(f"/etc/flashtier/tls/{name}") for name in ("ca.crt", "host.crt")}
    return {"shown": found, "installed": installed}
