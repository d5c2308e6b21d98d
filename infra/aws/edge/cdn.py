"""An optional CDN before the photos: CloudFront, which alone may read the bucket without a role.

Its certificate and requests are CloudFront's own region's, whatever the environment's is.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.edge.certificate import certificate, zone_id
from infra.aws.edge.component import EdgeComponent
from infra.aws.naming import Naming

#: The region whose certificates CloudFront takes. Source: Amazon CloudFront developer guide, "Requirements
#: for using SSL/TLS certificates with CloudFront".
CERTIFICATE_REGION = "us-east-1"
#: TLS 1.2 and 1.3 with forward secrecy. Source: the same guide, "Supported protocols and ciphers".
OLDEST_TLS = "TLSv1.2_2021"
#: Policies that CloudFront has ready: CachingOptimized (the key is the path, 24 h unless the object says
#: otherwise) and SecurityHeadersPolicy (nosniff, HSTS and others). Source: the same guide, "Use managed cache
#: policies" and "Use managed response headers policies".
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"


class Cdn(EdgeComponent):
    """`url` is where objects of the bucket are, by their key. `distribution_arn`: whom the bucket's policy
    allows.

    Whoever knows a photo's key reads it, as with the API, which asks for no login: the key holds the SHA-256
    of the photo, which nobody guesses. A deleted photo stays in the CDN's cache for up to a day.
    """

    def __init__(
        self, naming: Naming, bucket: aws.s3.Bucket, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(naming, "Cdn", options)
        domain = naming.settings.domain
        host = cdn_name(domain.name)
        access = aws.cloudfront.OriginAccessControl(
            naming.resource("photos"),
            name=naming.resource("photos"),
            description="Signs every request to the bucket of photos",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.of(),
        )
        distribution = aws.cloudfront.Distribution(
            naming.resource("photos"),
            comment=naming.label("photos"),
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class="PriceClass_All",
            aliases=[host],
            origins=[
                {
                    "origin_id": "photos",
                    "domain_name": bucket.bucket_regional_domain_name,
                    "origin_access_control_id": access.id,
                }
            ],
            default_cache_behavior={
                "target_origin_id": "photos",
                "viewer_protocol_policy": "https-only",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "cache_policy_id": CACHING_OPTIMIZED,
                "response_headers_policy_id": SECURITY_HEADERS,
                # JPEG is compressed.
                "compress": False,
            },
            restrictions={"geo_restriction": {"restriction_type": "none", "locations": []}},
            viewer_certificate={
                "acm_certificate_arn": certificate(self, host, domain.zone, "photos", CERTIFICATE_REGION),
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": OLDEST_TLS,
            },
            tags=self.tags("photos"),
            opts=self.of(),
        )
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                naming.resource("photos", kind.lower()),
                zone_id=zone_id(self, domain.zone),
                name=host,
                type=kind,
                aliases=[
                    {
                        "name": distribution.domain_name,
                        "zone_id": distribution.hosted_zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                opts=self.of(),
            )
        self.url = f"https://{host}"
        self.distribution_arn: pulumi.Output[str] = distribution.arn
        self.register_outputs({"url": self.url})


def cdn_name(domain: str) -> str:
    """The public name of the CDN of an environment whose own is `domain`."""
    return f"cdn.{domain}"
