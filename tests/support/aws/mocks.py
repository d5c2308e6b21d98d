"""Pulumi's mocks for components on AWS: each resource is recorded, an invoke that no test expects fails.

    recorded = run(lambda: Network(...), answers={"aws:index/getPartition:getPartition": {...}})
    recorded.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"]

Names of properties are those on the wire (camelCase). Ids are `<name>-id`; every resource has an `arn`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks as sdk
from pulumi.runtime import rpc
from pulumi.runtime.stack import run_pulumi_func

#: By type: what a resource of a name and with these inputs has beside them.
Outputs = Mapping[str, Callable[[str, dict[str, Any]], Mapping[str, Any]]]

ACCOUNT = "123456789012"
#: A partition and a region that nothing takes by default: what hard-codes the usual ones fails.
PARTITION, REGION = "aws-us-gov", "us-gov-west-1"

#: Answers to what components may ask. A test names the ones it expects, by these tokens.
IDENTITY = "aws:index/getCallerIdentity:getCallerIdentity"
PARTITIONS = "aws:index/getPartition:getPartition"
REGIONS = "aws:index/getRegion:getRegion"
ZONE = "aws:route53/getZone:getZone"
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    IDENTITY: {
        "accountId": ACCOUNT,
        "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:root",
        "id": ACCOUNT,
        "userId": "X",
    },
    PARTITIONS: {
        "id": PARTITION,
        "partition": PARTITION,
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    },
    REGIONS: {"id": REGION, "region": REGION, "name": REGION, "description": "", "endpoint": ""},
    ZONE: {
        "id": "Z0",
        "zoneId": "Z0",
        "name": "example.org",
        "arn": f"arn:{PARTITION}:route53:::hostedzone/Z0",
    },
}


@dataclass(frozen=True)
class Recorded:
    """A resource as the program registered it. `options` is the request to the engine, such as protect."""

    type: str
    name: str
    inputs: dict[str, Any]
    options: Any
    urn: str

    @property
    def id(self) -> str:
        return f"{self.name}-id"

    @property
    def arn(self) -> str:
        return arn(self.type, self.name)

    def depends_on(self, other: Recorded) -> bool:
        return other.urn in self.options.dependencies


def arn(token: str, name: str) -> str:
    return f"arn:{PARTITION}:{token.split(':')[1].split('/')[0]}:{REGION}:{ACCOUNT}:{name}"


@dataclass
class Recording(sdk.Mocks):
    """What a program asked for. `outputs`: what resources have beside their inputs."""

    answers: Mapping[str, Mapping[str, Any]]
    outputs: Outputs
    resources: list[Recorded] = field(default_factory=list)
    invokes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    #: The outputs that the program returned, resolved.
    result: Any = None

    def call(self, args: sdk.MockCallArgs) -> Any:
        self.invokes.append((args.token, args.args))
        if args.token not in self.answers:
            self.unexpected.append(args.token)
            raise AssertionError(f"unexpected invoke {args.token}: {args.args}")
        return dict(self.answers[args.token])

    def new_resource(self, args: sdk.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if not args.custom:
            return "", {}
        known = {"arn": arn(args.typ, args.name), "name": args.name, **args.inputs}
        if make := self.outputs.get(args.typ):
            known |= make(args.name, args.inputs)
        return f"{args.name}-id", known

    def of(self, type_: str) -> list[Recorded]:
        """All of a type, by its whole token or by its last part, as "Vpc"."""
        return [one for one in self.resources if type_ in (one.type, one.type.rpartition(":")[2])]

    def named(self, name: str, type_: str | None = None) -> Recorded:
        found = [one for one in (self.of(type_) if type_ else self.resources) if one.name == name]
        assert len(found) == 1, f"{len(found)} resources {type_ or ''} {name} among {self.names()}"
        return found[0]

    def one(self, type_: str) -> Recorded:
        found = self.of(type_)
        assert len(found) == 1, f"{len(found)} of {type_}: {[one.name for one in found]}"
        return found[0]

    def names(self) -> list[str]:
        return [f"{one.type.rpartition(':')[2]} {one.name}" for one in self.resources]


class _Monitor(sdk.MockMonitor):
    """Pulumi's own hands inputs on, but not the options."""

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.custom and not request.type.startswith("pulumi:"):
            recording = self.mocks
            assert isinstance(recording, Recording)
            inputs = _plain(rpc.deserialize_properties(request.object))
            recording.resources.append(Recorded(request.type, request.name, inputs, request, response.urn))
        return response


def _plain(value: Any) -> Any:
    """Whole numbers as int; the wire has only floats."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run(
    program: Callable[[], Any],
    *,
    stack: str = "unit",
    answers: Mapping[str, Mapping[str, Any]] | None = None,
    outputs: Outputs | None = None,
) -> Recording:
    """Run `program` under mocks; what it returns (outputs, or a mapping of them) is in `.result`, resolved.

    `answers`: the invokes that are expected. Fails on any other, also where the program swallows the error.
    """
    recording = Recording(answers or {}, outputs or {})
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def whole() -> None:
        async def body() -> None:
            recording.result = await pulumi.Output.from_input(program()).future()

        await run_pulumi_func(body)

    try:
        sdk.set_mocks(recording, project="flashtier", stack=stack, preview=False, monitor=_Monitor(recording))
        loop.run_until_complete(whole())
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    assert not recording.unexpected, f"unexpected invokes: {recording.unexpected}"
    return recording
