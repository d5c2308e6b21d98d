"""Certificates: the project's authority signed them, for the right names, and services show the new ones."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import PolicyBuilder, Store

from infra.contract import Contract, ContractHost
from tests.hosts import promises
from tests.hosts.facts import Check
from tests.hosts.members import Away, member_ports
from tests.hosts.snapshot import Snapshot, tls_ports

#: Renewal comes under 30 days, at a playbook run.
SHORTEST_DAYS = 30


def test_host_certificate(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    name, installed = declared.name, snapshot["installed"]
    shown = (
        contract.ca_certificate
        if promises.is_the_authoritys(installed["ca.crt"], contract)
        else installed["ca.crt"]
    )
    check.fact("ca_certificate", shown, how=f"/etc/flashtier/tls/ca.crt on {name}")
    held = installed["host.crt"].count("BEGIN CERTIFICATE")
    check.equal(f"{name}: certificates in /etc/flashtier/tls/host.crt", 1, held)
    authority = x509.load_pem_x509_certificate(contract.ca_certificate.encode())
    leaf = x509.load_pem_x509_certificate(installed["host.crt"].encode())
    verifier = PolicyBuilder().store(Store([authority]))
    for subject in (
        x509.DNSName(name),
        x509.DNSName(f"{name}.{contract.domain}"),
        x509.IPAddress(ipaddress.ip_address(declared.address)),
    ):
        try:
            verifier.build_server_verifier(subject).verify(leaf, [])
            outcome = "valid"
        except x509.verification.VerificationError as error:
            outcome = str(error)
        check.equal(f"{name}: certificate for {subject.value}", "valid", outcome)
    left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    check.true(
        f"{name}: certificate is valid for over {SHORTEST_DAYS} days", left.days > SHORTEST_DAYS, found=left
    )


def test_services_show_the_installed_certificate(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, away: Away, check: Check
) -> None:
    """Over TLS 1.2 or newer. A renewed certificate that a service has not read yet shows here."""
    installed = x509.load_pem_x509_certificate(snapshot["installed"]["host.crt"].encode())
    expected = fingerprint(installed.public_bytes(Encoding.DER))
    for port in tls_ports(contract, declared):
        shown = snapshot["certificates"][str(port)]
        if declared.name in away and port in member_ports(contract):
            check.equal(f"{declared.name}:{port}: served, though removed", True, "error" in shown)
            continue
        if "error" in shown:
            check.equal(f"{declared.name}:{port}: TLS", "spoken", shown["error"])
            continue
        found = fingerprint(base64.b64decode(shown["certificate"]))
        check.equal(f"{declared.name}:{port}: certificate", expected, found, how="SHA-256")
        check.true(f"{declared.name}:{port}: TLS version", shown["version"] in ("TLSv1.2", "TLSv1.3"))


def fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def test_the_key_belongs_to_the_certificate(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """What a service would start with next; one that runs may still hold the old one."""
    leaf = x509.load_pem_x509_certificate(snapshot["installed"]["host.crt"].encode())
    public = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    check.equal(
        f"{declared.name}: public half of host.key",
        public.split(),
        snapshot["installed"]["public half"].split(),
    )


def test_key_files(declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check) -> None:
    for path, expected in promises.key_files(contract, declared).items():
        found = snapshot["paths"][path]
        rights = (found["mode"], found["owner"], found["group"]) if found else None
        check.equal(f"{declared.name}: mode, owner and group of {path}", expected, rights)
