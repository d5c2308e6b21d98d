"""What public DNS answers: the name servers of a zone, and which authorities may issue for a name.

The resolver is the machine's, or the one of FLASHTIER_RESOLVER (ADDRESS or ADDRESS:PORT): where the machine's
shows private zones, name a public one.
"""

from __future__ import annotations

import os

import dns.exception
import dns.name
import dns.resolver

VARIABLE = "FLASHTIER_RESOLVER"
#: Deadline of one question with all its tries, in seconds.
DEADLINE_S = 8.0


class NoAnswer(Exception):
    """Public DNS could not be asked in time."""


def resolver() -> dns.resolver.Resolver:
    """Raises `NoAnswer` on a machine that has none."""
    chosen = os.environ.get(VARIABLE)
    try:
        made = dns.resolver.Resolver(configure=not chosen)
    except dns.resolver.NoResolverConfiguration as error:
        raise NoAnswer(f"this machine has no resolver; name one in {VARIABLE}") from error
    if chosen:
        address, _, port = chosen.partition(":")
        made.nameservers, made.port = [address], int(port or 53)
    made.lifetime = DEADLINE_S
    return made


def name_servers(zone: str) -> set[str]:
    """The servers that public DNS names for a zone; empty where it has none, or none of them answers. Raises
    `NoAnswer`."""
    return {str(server.target).rstrip(".").lower() for server in _ask(zone, "NS")}


def issuers(name: str) -> tuple[str, frozenset[str]] | None:
    """The nearest name upwards with CAA records, and whom their `issue` permits; None: any authority.

    Source: RFC 8659, 3, "The CAA RR", and 4.2, "CAA issue Property". Raises `NoAnswer`.
    """
    while "." in name:
        if records := _ask(name, "CAA"):
            permitted = [one.value.decode() for one in records if one.tag == b"issue"]
            if not permitted:
                return None
            return name, frozenset(value.partition(";")[0].strip().lower() for value in permitted)
        name = name.partition(".")[2]
    return None


def _ask(name: str, kind: str) -> list:  # type: ignore[type-arg]  # records of any kind
    try:
        return list(resolver().resolve(dns.name.from_text(name), kind))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.resolver.NoNameservers:
        # The resolver answers, and says that nothing answers it: the delegation leads nowhere.
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswer(f"{kind} of {name}: {' '.join(str(error).split())}") from error
