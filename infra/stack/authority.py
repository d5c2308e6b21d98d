"""The project's own certificate authority: one an environment, its key a secret, its certificate public.

ECDSA on P-256, because every program that serves or checks TLS here takes it (OpenSSL, PostgreSQL, HAProxy,
nginx and the Go programs), and a signature costs a fraction of RSA's.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.errors import FlashtierError

LIFETIME = datetime.timedelta(days=3650)
#: Hosts whose clock is behind accept the new certificate all the same.
BACKDATED = datetime.timedelta(hours=1)

#: Hosts that a certificate may be for, by their short names: as many of each tier as the environment's range
#: has addresses for (`infra.topology.ADDRESS_BLOCKS`).
MOST_HOSTS = {"edge": 10, "web": 80, "db": 50, "control": 50}
#: Addresses that an environment may have (`infra.environment.Cidr`).
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def new_key() -> str:
    """A private key as unencrypted PKCS#8 PEM, for the encrypted configuration only."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def certificate(stack: str, key: str) -> str:
    """A self-signed certificate for `key` as PEM. It is for hosts of this stack, and for no other authority.

    Made again for the same key it is valid for all that the key has signed: subject and key identifier stay.
    """
    private = _private(key)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "flashtier"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"flashtier {stack} authority"),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(_constraints(stack), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _usage(*, certificates: bool) -> x509.KeyUsage:
    """Of the authority's key, which signs certificates, or of a host's, which signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def domain(stack: str) -> str:
    """DNS domain of the stack's hosts, as `infra.topology` has it."""
    return f"{stack}.flashtier.internal"


def _constraints(stack: str) -> x509.NameConstraints:
    """Names of this stack's hosts and private addresses: the key proves nothing about any other server."""
    short = (f"{tier}{number}" for tier, most in MOST_HOSTS.items() for number in range(1, most + 1))
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(name) for name in (domain(stack), *short)),
            *(x509.IPAddress(ipaddress.ip_network(network)) for network in PRIVATE),
        ],
        excluded_subtrees=None,
    )


def is_constrained(pem: str) -> bool:
    """Whether the certificate has name constraints; kits before November 2026 made it without."""
    extensions = x509.load_pem_x509_certificate(pem.encode()).extensions
    return any(isinstance(extension.value, x509.NameConstraints) for extension in extensions)


def request_faults(pem: str, names: Iterable[str], address: str) -> list[str]:
    """Why the authority does not sign a host's request, one line each; empty where it does.

    The first of `names` is the subject. Everything that a certificate takes over from the request counts.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        extensions = {extension.oid: extension for extension in request.extensions}
        signed = request.is_signature_valid
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return [f"request: is not a certificate request in PEM ({error})"]
    found = [] if signed else ["signature: is not by the key that the request is for"]
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        found.append(f"key = {_kind(key)}: must be ECDSA on P-256")
    known = list(names)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, known[0])])
    if request.subject != subject:
        found.append(f"subject = {request.subject.rfc4514_string()!r}: must be 'CN={known[0]}'")
    wanted: dict[x509.ObjectIdentifier, tuple[x509.ExtensionType, bool]] = {
        x509.KeyUsage.oid: (_usage(certificates=False), True),
        x509.ExtendedKeyUsage.oid: (
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            False,
        ),
    }
    alternative = extensions.pop(x509.SubjectAlternativeName.oid, None)
    in_it = set(alternative.value) if alternative is not None else set()
    allowed = {*map(x509.DNSName, known), x509.IPAddress(ipaddress.ip_address(address))}
    if in_it != allowed:
        found.append(f"subjectAltName = {_listed(in_it)}: must be {_listed(allowed)}")
    for oid, (value, critical) in wanted.items():
        given = extensions.pop(oid, None)
        if given is None or (given.value, given.critical) != (value, critical):
            shown = "nothing" if given is None else f"{given.value}, critical={given.critical}"
            found.append(f"{oid._name} = {shown}: must be {value}, critical={critical}")
    for oid in extensions:
        found.append(f"{oid._name} ({oid.dotted_string}): must not be in the request")
    return found


def _kind(key: object) -> str:
    size = getattr(key, "key_size", "")
    return f"{type(key).__name__.strip('_')} {size}".strip()


def _listed(names: Iterable[x509.GeneralName]) -> str:
    return ", ".join(sorted(f"{type(name).__name__} {name.value}" for name in names)) or "nothing"


def check(key: str, pem: str) -> None:
    """Raise `FlashtierError` unless the certificate is the key's own and still valid."""
    try:
        known = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise FlashtierError(f"flashtier:caCertificate: is not a certificate in PEM ({error})") from error
    if known.public_key() != _private(key).public_key():
        raise FlashtierError(
            "flashtier:caCertificate: does not belong to the key in flashtier:secrets; put back the two that "
            "belong together, or remove the certificate and let `flashtier secrets` make it from the key"
        )
    if known.not_valid_after_utc <= datetime.datetime.now(datetime.UTC):
        raise FlashtierError(
            f"flashtier:caCertificate: expired on {known.not_valid_after_utc:%F}; remove it and let "
            "`flashtier secrets` make a new one from the key"
        )


def _private(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        # The library's message may quote what it could not read.
        raise FlashtierError("flashtier:secrets: ca_private_key is not a private key in PEM") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise FlashtierError(
            "flashtier:secrets: ca_private_key is not an elliptic-curve key, which the kit makes"
        )
    return private
