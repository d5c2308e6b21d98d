"""The name of an environment in Route 53, and the certificate that ACM gives and renews for it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.edge.component import EdgeComponent

#: ACM asks the record for as long as the certificate is in use: it must stay.
_VALIDATION_TTL_S = 300


def certificate(
    edge: EdgeComponent, domain: str, zone: str, name: str = "edge", region: str | None = None
) -> pulumi.Output[str]:
    """ARN of the certificate of `domain`, known once ACM has found the record that proves ownership.

    `region`: another one than the environment's.
    """
    wanted = aws.acm.Certificate(
        edge.naming.resource(name),
        region=region,
        domain_name=domain,
        validation_method="DNS",
        key_algorithm="EC_prime256v1",
        tags=edge.tags(name),
        opts=edge.of(),
    )
    proof = wanted.domain_validation_options.apply(lambda options: options[0])
    record = aws.route53.Record(
        edge.naming.resource(*(() if name == "edge" else (name,)), "certificate"),
        zone_id=zone_id(edge, zone),
        name=proof.resource_record_name,
        type=proof.resource_record_type,
        records=[proof.resource_record_value],
        ttl=_VALIDATION_TTL_S,
        opts=edge.of(),
    )
    valid = aws.acm.CertificateValidation(
        edge.naming.resource(name),
        region=region,
        certificate_arn=wanted.arn,
        validation_record_fqdns=[record.fqdn],
        opts=edge.of(custom_timeouts=pulumi.CustomTimeouts(create="30m")),
    )
    return valid.certificate_arn


def point_to(edge: EdgeComponent, domain: str, zone: str, balancer: aws.lb.LoadBalancer) -> None:
    """Let `domain` be the load balancer."""
    aws.route53.Record(
        edge.naming.resource("edge"),
        zone_id=zone_id(edge, zone),
        name=domain,
        type="A",
        aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
        opts=edge.of(),
    )


def zone_id(edge: EdgeComponent, zone: str) -> pulumi.Output[str]:
    """Identity of the public hosted zone `zone`."""
    found = aws.route53.get_zone_output(name=zone, private_zone=False, opts=pulumi.InvokeOptions(parent=edge))
    return found.zone_id
