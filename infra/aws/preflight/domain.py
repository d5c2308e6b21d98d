"""Whether the environment's name can be served and certified: hosted zone, delegation, CAA.

ACM waits for a record that the public sees. Where the zone is not delegated to the servers that Route 53 gave
it, the update would wait 30 minutes and fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.aws.preflight import public_dns
from infra.environment.aws import Domain

_KEY = "flashtier:environment.aws.domain"
#: Source: AWS Certificate Manager user guide, "Configure a CAA record".
AMAZON = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})


def domain_faults(route53: Any, domain: Domain) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """A hosted zone that is missing, private or one of several, or that leaves the name to other servers.

    Source of the order in which zones and records are listed: ListHostedZonesByName and
    ListResourceRecordSets in the API reference of Route 53. Of several zones pulumi-aws takes none.
    """
    named = _zones(route53, domain)
    public = _public(named)
    if not public:
        is_what = "is a private hosted zone, which clients do not see" if named else "is not a hosted zone"
        yield (
            f"{_KEY}.zone: {domain.zone} {is_what} of this account; make a public one and have its "
            "registrar name its servers, or name another zone"
        )
    elif len(public) > 1:
        yield (
            f"{_KEY}.zone: {domain.zone} has {len(public)} public hosted zones "
            f"({', '.join(sorted(public))}); delete those whose servers its registrar does not name"
        )
    else:
        yield from _delegations(route53, public[0], domain)


def delegation_faults(route53: Any, domain: Domain) -> Iterator[str]:  # noqa: ANN401
    """A zone for which public DNS names no name servers, or others. Raises `public_dns.NoAnswer`."""
    public = _public(_zones(route53, domain))
    if len(public) != 1:
        return  # `domain_faults` reports it
    own = {
        server.rstrip(".").lower()
        for server in route53.get_hosted_zone(Id=public[0])["DelegationSet"]["NameServers"]
    }
    seen = public_dns.name_servers(domain.zone)
    if seen != own:
        found = ", ".join(sorted(seen)) or "no name servers"
        yield (
            f"{_KEY}.zone: {domain.zone}: public DNS answers {found}, and the hosted zone is served by "
            f"{', '.join(sorted(own))}; put these as NS records of {domain.zone} into its parent zone, or at "
            "the registrar"
        )


def authority_faults(domain: Domain) -> Iterator[str]:
    """CAA records that keep ACM from issuing the certificate. Raises `public_dns.NoAnswer`."""
    found = public_dns.issuers(domain.name)
    if found and not found[1] & AMAZON:
        at, permitted = found
        yield (
            f"{_KEY}.name: {domain.name}: the CAA records of {at} permit only "
            f"{', '.join(sorted(permitted)) or 'no authority'}, and ACM issues the certificate; add "
            f'`0 issue "amazon.com"` at {at}'
        )


def _zones(route53: Any, domain: Domain) -> list[dict[str, Any]]:  # noqa: ANN401
    zones = route53.list_hosted_zones_by_name(DNSName=domain.zone)["HostedZones"]
    return [zone for zone in zones if zone["Name"] == f"{domain.zone}."]


def _public(zones: list[dict[str, Any]]) -> list[str]:
    return [zone["Id"].rpartition("/")[2] for zone in zones if not zone["Config"]["PrivateZone"]]


def _delegations(route53: Any, zone: str, domain: Domain) -> Iterator[str]:  # noqa: ANN401
    name = domain.name
    while name != domain.zone:
        records = route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType="NS", MaxItems="1"
        )["ResourceRecordSets"]
        if records and (records[0]["Name"], records[0]["Type"]) == (f"{name}.", "NS"):
            yield (
                f"{_KEY}.name: {domain.name} is not answered by zone {domain.zone}, where an NS "
                f"record gives {name} to other servers; name the zone {name}, or remove the record"
            )
        name = name.partition(".")[2]
