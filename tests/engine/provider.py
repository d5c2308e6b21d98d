"""Shared by tests of the provider by its own protocol: valid resources, and short forms of requests."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2

from infra.paths import ROOT
from tests.engine.stacks import BASE

PLUGIN = ROOT / "infra/local/provider/pulumi-resource-lxd"
STACK = "engp"
#: The plugin's FLASHTIER_STATE: on a disk, as BASE is.
STATE = BASE / "provider"
KEY = "ssh-ed25519 AAAA me"
VOLUME = {
    "stack": STACK,
    "host": "db1",
    "name": "flash",
    "volumeClass": "flash",
    "sizeGib": 3,
    "uuid": "2d52f83d-db28-587c-a7b7-69c37d7b1daa",
    "file": str(STATE / "engp/volumes/db1-flash.img"),
    "link": "/dev/flashtier/engp/db1-flash",
    "bound": True,
    "protected": True,
    "acceptBlank": False,
}
INSTANCE = {
    "stack": STACK,
    "project": "flashtier-engp",
    "name": "db1",
    "image": "f" * 64,
    "storagePool": "flashtier-engp",
    "network": "ft-engp",
    "address": "10.90.9.100",
    "vcpus": 2,
    "memoryMib": 2048,
    "user": "operator",
    "authorizedKeys": [KEY],
    "running": True,
    "intact": True,
}
NETWORK = {
    "stack": STACK,
    "name": "ft-engp",
    "cidr": "10.90.9.0/24",
    "gateway": "10.90.9.1",
    "domain": "engp.flashtier.internal",
    "intact": True,
}


def urn(kind: str) -> str:
    return f"urn:pulumi:{STACK}::flashtier::lxd:index:{kind}::x"


def wire(values: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def check(
    provider: Any, kind: str, news: dict[str, Any], olds: dict[str, Any] | None = None
) -> dict[str, str]:
    request = provider_pb2.CheckRequest(urn=urn(kind), news=wire(news), olds=wire(olds or {}))
    return {failure.property: failure.reason for failure in provider.Check(request, timeout=20).failures}


def diff(provider: Any, kind: str, olds: dict[str, Any], news: dict[str, Any], ignored: Any = ()) -> Any:
    return provider.Diff(
        provider_pb2.DiffRequest(
            id="x",
            urn=urn(kind),
            old_inputs=wire(olds),
            olds=wire(olds),
            news=wire(news),
            ignoreChanges=ignored,
        ),
        timeout=20,
    )
