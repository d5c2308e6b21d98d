"""Pure: the certificates that hosts have -> the days until each ends."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ops.status.answers import Answers
from ops.status.facts import Certificate

AUTHORITY = "ca.crt"


def certificates(answers: Answers, now: datetime) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """Certificates, the first to end first, and a line for each file that cannot be read.

    An authority that hosts share is one entry, of the name in its certificate.
    """
    found: dict[str, Certificate] = {}
    faults: list[str] = []
    for host, files in answers.all("certificates"):
        for file, text in files.items():
            try:
                read = x509.load_pem_x509_certificates(text.encode())
            except ValueError as error:
                faults.append(f"{host}: {file} is not a certificate: {error}")
                continue
            for one in read:
                if file == AUTHORITY:
                    found[one.fingerprint(hashes.SHA256()).hex()] = _authority(one, now)
                else:
                    # The first is the host's own; those that it may bring along follow.
                    found.setdefault(f"{host} {file}", _certificate(one, host, now))
    return tuple(sorted(found.values(), key=lambda entry: (entry.days, entry.name))), tuple(faults)


def _certificate(one: x509.Certificate, host: str, now: datetime) -> Certificate:
    return Certificate(kind="host", name=host, ends=_ends(one), days=(one.not_valid_after_utc - now).days)


def _authority(one: x509.Certificate, now: datetime) -> Certificate:
    names = one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = str(names[0].value) if names else one.subject.rfc4514_string()
    days = (one.not_valid_after_utc - now).days
    return Certificate(kind="authority", name=name, ends=_ends(one), days=days)


def _ends(one: x509.Certificate) -> str:
    return one.not_valid_after_utc.astimezone(UTC).isoformat()
