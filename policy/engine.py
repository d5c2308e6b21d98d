"""Between Pulumi's policy SDK and the rules: resources become plain data, and violations lines."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
    policy,
    proxy,
)
from rules import waivers
from rules.resource import UNKNOWN, Resource, Stack
from rules.table import RULES, Rule, judge_resource, judge_stack

SENTINELS = frozenset(
    value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)
WAIVERS = "flashtier:waivers"
#: Appended to the name of a rule's stack policy: its resource policy has the plain one.
OF_STACK = "-in-stack"


def plain(value: Any) -> Any:  # noqa: ANN401 - properties are any JSON
    """A property without the SDK's wrapping, which raises an error when an unknown one is read."""
    if isinstance(value, str):
        return UNKNOWN if value in SENTINELS else value
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in _bare(value).items()}
    if isinstance(value, Sequence):
        return [plain(one) for one in _bare(value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _bare(wrapped: Any) -> Any:  # noqa: ANN401
    """What the SDK's proxies hold, at whatever depth of them."""
    while not isinstance(wrapped, dict | list | tuple):
        wrapped = wrapped["__target"]
    return wrapped


def default_tags(provider: Any) -> dict[str, str]:  # noqa: ANN401 - PolicyProviderResource, or None
    """The tags that a provider gives to all its resources; the engine has them as JSON."""
    given = plain(provider.props).get("defaultTags") if provider else None
    if isinstance(given, str):
        given = json.loads(given)
    tags = given.get("tags") if isinstance(given, dict) else None
    return tags if isinstance(tags, dict) else {}


def resource_of(given: Any, depends: Mapping[str, Sequence[str]]) -> Resource:  # noqa: ANN401
    return Resource(
        type=given.resource_type,
        name=given.name,
        urn=given.urn,
        props=plain(given.props),
        protect=bool(given.opts.protect),
        default_tags=default_tags(given.provider),
        depends=depends,
    )


class Analyzer(policy._PolicyAnalyzerServicer):
    """The SDK's service. The engine sends the stack's configuration, and the SDK (1.21) drops it.

    Without this no waiver would be known, nor have an effect.
    """

    waivers: str | None = None

    def ConfigureStack(self, request: analyzer_pb2.AnalyzerStackConfigureRequest, context: object) -> Any:  # noqa: ANN401 - the SDK has no types here
        Analyzer.waivers = request.config.get(WAIVERS)
        return super().ConfigureStack(request, context)


@functools.cache
def declared_waivers() -> tuple[waivers.Waiver, ...]:
    """Those of the stack's configuration, read at the first call: before it, no stack is known."""
    text = Analyzer.waivers
    try:
        declared = json.loads(text) if text else None
    except ValueError:
        declared = text
    return tuple(waivers.read(declared, (rule.name for rule in RULES), datetime.now(UTC).date()))


def _of_resource(rule: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not rule.concerns(args.resource_type):
            return  # before anything is unpacked: a local stack costs nothing
        for line, urn in judge_resource(rule, resource_of(args, {}), declared_waivers()):
            report(line, urn)

    return validate


def _resources(args: StackValidationArgs) -> Stack:
    return Stack(
        [
            resource_of(
                one,
                {prop: [on.urn for on in on_all] for prop, on_all in one.property_dependencies.items()},
            )
            for one in args.resources
            if one.resource_type.startswith("aws:")
        ]
    )


def _of_stack(rule: Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for line, urn in judge_stack(rule, _resources(args), declared_waivers()):
            report(line, urn)

    return validate


def _list_waivers(args: StackValidationArgs, report: ReportViolation) -> None:
    for line in waivers.notes(declared_waivers()):
        report(line, None)


def pack() -> PolicyPack:
    """The pack: each rule as one or two policies of Pulumi, and one that lists the waivers."""
    # What PolicyPack serves with.
    policy._PolicyAnalyzerServicer = Analyzer  # type: ignore[misc]
    policies: list[Policy] = []
    for rule in RULES:
        if rule.of_resource:
            policies.append(ResourceValidationPolicy(rule.name, rule.asks, _of_resource(rule)))
        if rule.of_stack:
            policies.append(StackValidationPolicy(rule.name + OF_STACK, rule.asks, _of_stack(rule)))
    policies.append(
        StackValidationPolicy(
            "waivers",
            "Each preview lists the waivers.",
            _list_waivers,
            enforcement_level=EnforcementLevel.ADVISORY,
        )
    )
    return PolicyPack("flashtier", policies, enforcement_level=EnforcementLevel.MANDATORY)
