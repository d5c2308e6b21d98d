"""The project's own certificate authority: one an environment, its key a secret, its certificate public.

ECDSA on P-256, because every program that serves or checks TLS here takes it (OpenSSL, PostgreSQL, HAProxy,
nginx and the Go programs), and a signature costs a fraction of RSA's.
"""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.errors import FlashtierError

LIFETIME = datetime.timedelta(days=3650)
#: Hosts whose clock is behind accept the new certificate all the same.
BACKDATED = datetime.timedelta(hours=1)


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
    """A self-signed certificate for `key` as PEM. It may sign hosts' certificates and no other authority's.

    Made again for the same key it vouches for all that the key has signed: subject and key identifier stay.
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
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def check(key: str, pem: str) -> None:
    """Raise `FlashtierError` unless the certificate is the key's own and still valid."""
    try:
        known = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise FlashtierError(f"flashtier:caCertificate: is no certificate in PEM ({error})") from error
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
        raise FlashtierError("flashtier:secrets: ca_private_key is no private key in PEM") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise FlashtierError(
            "flashtier:secrets: ca_private_key is no elliptic-curve key, which the kit makes"
        )
    return private
