"""Every rule by its name: what it requires, and the functions that judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import (
    buckets,
    cdn,
    copies,
    encryption,
    iam,
    metadata,
    network,
    network_acl,
    ports,
    principals,
    protection,
    public,
    tags,
    types,
    waivers,
)
from .resource import OfResource, OfStack, Resource, Stack, Violation


def of_aws(kind: str) -> bool:
    """Whether a type is AWS's. Resources of a stack on this machine are not even unpacked for a rule."""
    return kind.startswith("aws:")


@dataclass(frozen=True)
class Rule:
    """`of_resource` judges one resource before it is made, `of_stack` all of them as they will be.

    `concerns` is whether `of_resource` judges resources of a type.
    """

    name: str
    asks: str
    of_resource: OfResource | None = None
    of_stack: OfStack | None = None
    concerns: Callable[[str], bool] = of_aws


RULES = (
    Rule(
        "unknown-type",
        "A stack has only resources that the rules can judge.",
        types.types,
        concerns=types.unknown,
    ),
    Rule(
        "open-ports",
        "The internet reaches ports 80 and 443 of the load balancer, and nothing else.",
        ports.ports,
        ports.only_the_balancer,
    ),
    Rule("open-network-acl", "A network ACL keeps other ports shut.", network_acl.open_acls),
    Rule("unencrypted", "What holds data is encrypted.", encryption.disks, encryption.buckets),
    Rule("metadata-service", "IMDSv2 is required, and its answers go one hop.", metadata.metadata),
    Rule("public-bucket", "No bucket is public, and none can become so.", buckets.public, buckets.blocked),
    Rule("public-access", "Nothing is open to everyone.", public.public),
    Rule(
        "open-principal",
        "A policy names who it allows, within the account.",
        principals.strangers,
        principals.other_accounts,
    ),
    Rule(
        "too-few-copies",
        "Data on drives that a stop erases is on three members in three zones.",
        of_stack=copies.copies,
    ),
    Rule("missing-tags", "Tags name the owner of a resource, its purpose and who pays.", tags.missing),
    Rule("unprotected", "What cannot be made again is protected.", protection.unprotected),
    Rule("iam-wildcard", "A role may do what it needs, on what it needs.", iam.wildcards),
    Rule(
        "iam-escalation",
        "No role can give itself or another more rights.",
        iam.escalation,
        iam.boundaries,
    ),
    Rule("managed-policy", "Every policy of a role is the stack's own.", iam.managed, iam.unjudged),
    Rule("public-address", "No host has a public address.", network.addresses),
    Rule("no-flow-logs", "What a VPC refuses is recorded.", of_stack=network.flow_logs),
    Rule("old-tls", "Listeners speak modern TLS, or redirect to it.", network.tls),
    Rule("old-cdn", "The CDN speaks modern TLS, and its bucket answers only the CDN.", cdn.cdn),
)


def lines(
    rule: str, found: Sequence[Violation], declared: Sequence[waivers.Waiver]
) -> list[tuple[str, str | None]]:
    """(line, URN) of each violation that no waiver lets through."""
    result: list[tuple[str, str | None]] = []
    for violation in found:
        resource = violation.resource
        name = resource.name if resource else "stack"
        waived, note = waivers.judge(declared, rule, name)
        if not waived:
            where = resource.short if resource else "stack"
            result.append(
                (
                    f"{where}: {rule}: {violation.says}; {violation.fix}{note}",
                    resource.urn if resource else None,
                )
            )
    return result


def judge_resource(
    rule: Rule, resource: Resource, declared: Sequence[waivers.Waiver]
) -> list[tuple[str, str | None]]:
    """The lines of a rule about one resource."""
    if rule.of_resource is None or not rule.concerns(resource.type):
        return []
    return lines(rule.name, list(rule.of_resource(resource)), declared)


def judge_stack(rule: Rule, stack: Stack, declared: Sequence[waivers.Waiver]) -> list[tuple[str, str | None]]:
    """The lines of a rule about the whole stack."""
    return lines(rule.name, list(rule.of_stack(stack)), declared) if rule.of_stack else []
