"""old-cdn: CloudFront speaks modern TLS to browsers, and reaches its bucket by origin access control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .resource import Resource, Unknown, Violation

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
ACCESS = "aws:cloudfront/originAccessControl:OriginAccessControl"

#: Source: Amazon CloudFront developer guide, "Supported protocols and ciphers between viewers and
#: CloudFront".
MODERN = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
TO_TLS = ("redirect-to-https", "https-only")


def _behaviours(resource: Resource) -> list[Mapping[str, Any]]:
    default = resource.part("defaultCacheBehavior")
    return [*([default] if default else []), *resource.parts("orderedCacheBehaviors")]


def cdn(resource: Resource) -> Iterator[Violation]:
    """A distribution's viewers, certificate and origins, and whether requests to an origin are signed."""
    if resource.type == ACCESS and resource.get("signingBehavior") != "always":
        yield Violation(
            resource,
            f"signing_behavior is {resource.get('signingBehavior')}, so the bucket gets unsigned requests",
            "set signing_behavior='always'",
        )
    if resource.type != DISTRIBUTION:
        return
    for behaviour in _behaviours(resource):
        policy = behaviour.get("viewerProtocolPolicy")
        if policy not in TO_TLS and not isinstance(policy, Unknown):
            yield Violation(
                resource,
                f"viewer_protocol_policy is {policy or 'not set'}, so it serves without TLS",
                "set viewer_protocol_policy='redirect-to-https'",
            )
    certificate = resource.part("viewerCertificate")
    version = certificate.get("minimumProtocolVersion")
    # With CloudFront's own name it chooses TLSv1 itself, whatever is declared.
    if (version not in MODERN and not isinstance(version, Unknown)) or certificate.get(
        "cloudfrontDefaultCertificate"
    ):
        yield Violation(
            resource,
            f"the oldest protocol of viewers is {version or 'TLSv1'}",
            f"set viewer_certificate: a certificate of the domain, minimum_protocol_version='{MODERN[0]}'",
        )
    for origin in resource.parts("origins"):
        custom = origin.get("customOriginConfig")
        if isinstance(custom, Mapping):
            if custom.get("originProtocolPolicy") != "https-only":
                yield Violation(
                    resource,
                    f"origin {origin.get('originId')} is reached without TLS",
                    "set origin_protocol_policy='https-only'",
                )
        elif not (
            origin.get("originAccessControlId") or isinstance(origin.get("originAccessControlId"), Unknown)
        ):
            yield Violation(
                resource,
                f"origin {origin.get('originId')} has no access control, so its bucket must be public",
                "set origin_access_control_id",
            )
