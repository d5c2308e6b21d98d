"""The authority's key and certificate, judged by OpenSSL."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from infra.environment import Environment
from infra.errors import FlashtierError
from infra.stack import authority
from infra.topology import ADDRESS_BLOCKS, build
from tests.support.declared import local_environment

KEY = authority.new_key()
CERTIFICATE = authority.certificate("unit", KEY)


def signed(ca: bool, key: str = KEY, by: str = CERTIFICATE) -> str:
    """A certificate that the authority signs: a host's, or another authority's."""
    issuer = x509.load_pem_x509_certificate(by.encode())
    private = serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web1")]))
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False
        )
    )
    if ca:
        usage = [False] * 5 + [True, True, False, False]
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def openssl(tmp_path: Path, trusted: str, leaf: str, *untrusted: str) -> subprocess.CompletedProcess[str]:
    for name, content in (("ca", trusted), ("leaf", leaf), ("chain", "".join(untrusted))):
        (tmp_path / name).write_text(content)
    chain = ["-untrusted", str(tmp_path / "chain")] if untrusted else []
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        str(tmp_path / "ca"),
        *chain,
        str(tmp_path / "leaf"),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_host_certificate_verifies_by_the_strict_rules(tmp_path: Path) -> None:
    done = openssl(tmp_path, CERTIFICATE, signed(ca=False))
    assert done.returncode == 0, done.stderr


def test_another_authority_proves_nothing(tmp_path: Path) -> None:
    other = authority.certificate("unit", authority.new_key())
    assert openssl(tmp_path, other, signed(ca=False)).returncode != 0


def test_it_cannot_make_further_authorities(tmp_path: Path) -> None:
    middle_key = authority.new_key()
    middle = authority.certificate("middle", middle_key)
    # Signed by the root, with the middle's own key: what an attacker with a host's certificate would try.
    root = serialization.load_pem_private_key(KEY.encode(), None)
    assert isinstance(root, ec.EllipticCurvePrivateKey)
    template = x509.load_pem_x509_certificate(middle.encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(x509.load_pem_x509_certificate(CERTIFICATE.encode()).subject)
        .public_key(template.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(template.not_valid_before_utc)
        .not_valid_after(template.not_valid_after_utc)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
    )
    for extension in template.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    crossed = builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    done = openssl(tmp_path, CERTIFICATE, signed(ca=False, key=middle_key, by=middle), crossed)
    assert done.returncode != 0
    assert "path length" in done.stderr


def test_made_again_it_still_vouches_for_what_the_key_signed(tmp_path: Path) -> None:
    again = authority.certificate("unit", KEY)
    assert again != CERTIFICATE
    assert openssl(tmp_path, again, signed(ca=False)).returncode == 0


def test_it_lasts_ten_years_and_may_only_sign() -> None:
    known = x509.load_pem_x509_certificate(CERTIFICATE.encode())
    left = known.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=3649) < left <= datetime.timedelta(days=3650)
    usage = known.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    constraints = known.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    assert constraints.value.path_length == 0


def test_a_matching_pair_passes() -> None:
    authority.check(KEY, CERTIFICATE)


def rsa_key() -> str:
    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


@pytest.mark.parametrize(
    ("key", "pem", "why"),
    [
        (authority.new_key(), CERTIFICATE, "does not belong to the key"),
        (KEY, "no certificate", "flashtier:caCertificate: is not a certificate in PEM"),
        (KEY.replace("BEGIN", "BEGUN"), CERTIFICATE, "ca_private_key is not a private key in PEM"),
        (rsa_key(), CERTIFICATE, "ca_private_key is not an elliptic-curve key"),
    ],
    ids=["another key", "no certificate", "no key", "rsa"],
)
def test_a_pair_that_cannot_work_is_refused_without_showing_the_key(key: str, pem: str, why: str) -> None:
    with pytest.raises(FlashtierError, match=why) as caught:
        authority.check(key, pem)
    assert not any(line and line in str(caught.value) for line in key.splitlines()[1:-1])


def test_an_expired_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "LIFETIME", datetime.timedelta(seconds=-1))
    with pytest.raises(FlashtierError, match="expired on"):
        authority.check(KEY, authority.certificate("unit", KEY))


def issued(names: tuple[x509.GeneralName, ...], pem: str = CERTIFICATE) -> str:
    """A certificate for `names` by the authority's key, whatever the request's check would say."""
    private = serialization.load_pem_private_key(KEY.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=x"))
        .issuer_name(x509.load_pem_x509_certificate(pem.encode()).subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_every_host_of_the_largest_environment_is_within_the_constraints(tmp_path: Path) -> None:
    assert sum(authority.MOST_HOSTS.values()) == sum(room for _, room in ADDRESS_BLOCKS.values())
    declared = local_environment()
    declared["web"]["count"], declared["database"]["members"], declared["control"]["count"] = 80, 9, 5
    topology = build("unit", Environment.parse(declared))
    assert topology.domain == authority.domain("unit")
    for host in topology.hosts:
        names = (x509.DNSName(host.name), x509.DNSName(f"{host.name}.{topology.domain}"))
        address = x509.IPAddress(ipaddress.ip_address(host.address))
        if host.name in ("edge1", "web1", "web80", "db9", "control5"):
            done = openssl(tmp_path, CERTIFICATE, issued((*names, address)))
            assert done.returncode == 0, done.stderr
            # As the verification of a living stack does it.
            store = Store([x509.load_pem_x509_certificate(CERTIFICATE.encode())])
            leaf = x509.load_pem_x509_certificate(issued((*names, address)).encode())
            for subject in (*names, address):
                PolicyBuilder().store(store).build_server_verifier(subject).verify(leaf, [])
        assert (
            int(host.name.lstrip("abcdefghijklmnopqrstuvwxyz"))
            <= authority.MOST_HOSTS[host.name.rstrip("0123456789")]
        )


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("example.com"),
        x509.DNSName("db1.other.flashtier.internal"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    ],
)
def test_the_authority_proves_nothing_about_other_servers(tmp_path: Path, name: x509.GeneralName) -> None:
    done = openssl(tmp_path, CERTIFICATE, issued((name,)))
    assert "permitted subtree violation" in done.stderr + done.stdout


def test_an_authority_of_an_older_kit_is_recognised() -> None:
    assert authority.is_constrained(CERTIFICATE)
    assert not authority.is_constrained(signed(ca=True))
