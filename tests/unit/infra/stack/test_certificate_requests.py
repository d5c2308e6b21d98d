"""Requests for certificates: what a role asks for is signed, and nothing else."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from infra.stack import authority

NAMES = ("db1.unit.flashtier.internal", "db1")


ADDRESS = "10.88.0.100"


def request(
    names: tuple[x509.GeneralName, ...] = (
        x509.DNSName("db1"),
        x509.DNSName("db1.unit.flashtier.internal"),
        x509.IPAddress(ipaddress.ip_address(ADDRESS)),
    ),
    subject: str = "CN=db1.unit.flashtier.internal",
    key: Any = None,
    extended: tuple[x509.ObjectIdentifier, ...] = (
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ),
    usage: tuple[bool, ...] = (True, *[False] * 8),
    usage_critical: bool = True,
    more: tuple[x509.ExtensionType, ...] = (),
) -> str:
    """A host's request; without arguments the one that the role makes."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .add_extension(x509.KeyUsage(*usage), critical=usage_critical)
        .add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    private = key or ec.generate_private_key(ec.SECP256R1())
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_roles_request_is_signed() -> None:
    assert authority.request_faults(request(), NAMES, ADDRESS) == []


@pytest.mark.parametrize(
    ("pem", "fault"),
    [
        (request(names=(x509.DNSName("db2"),)), "subjectAltName = "),
        (request(names=()), "subjectAltName = nothing"),
        (
            request(names=(*map(x509.DNSName, NAMES), x509.DNSName("*.flashtier.internal"))),
            "subjectAltName = ",
        ),
        (request(subject="CN=control1.unit.flashtier.internal"), "subject = "),
        (request(subject="CN=db1.unit.flashtier.internal,O=flashtier"), "subject = "),
        (request(key=rsa.generate_private_key(65537, 2048)), "key = RSAPublicKey 2048"),
        (request(key=ec.generate_private_key(ec.SECP384R1())), "key = ECPublicKey 384"),
        (request(extended=(ExtendedKeyUsageOID.CODE_SIGNING,)), "extendedKeyUsage = "),
        (request(usage=(*[False] * 5, True, True, False, False)), "keyUsage = "),
        (request(usage_critical=False), "keyUsage = "),
        (
            request(more=(x509.BasicConstraints(ca=True, path_length=None),)),
            "basicConstraints (2.5.29.19): must not",
        ),
        (request(more=(x509.OCSPNoCheck(),)), "must not be in the request"),
        ("no request", "request: is not a certificate request"),
    ],
)  # fmt: skip
def test_another_request_is_not_signed(pem: str, fault: str) -> None:
    """Each part that the certificate takes over, one at a time; nothing else is wrong with the request."""
    (line,) = authority.request_faults(pem, NAMES, ADDRESS)
    assert line.startswith(fault) or fault in line


def test_a_request_by_another_key_is_not_signed() -> None:
    """A certificate for a key that the host does not have would vouch for whoever has it."""
    der = bytearray(x509.load_pem_x509_csr(request().encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    (line,) = authority.request_faults(pem, NAMES, ADDRESS)
    assert line.startswith("signature: ")
