"""The engine's protocol: checks, diffs and calls the resources, turns their errors into its own."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as wire

from infra.errors import FlashtierError
from infra.local.provider import own, schema
from infra.local.provider.attachment import VolumeAttachment
from infra.local.provider.image import Image
from infra.local.provider.instance import Instance
from infra.local.provider.network import Network
from infra.local.provider.project import Project
from infra.local.provider.resource import Resource
from infra.local.provider.storage_pool import StoragePool
from infra.local.provider.volume import Volume
from infra.plugin import serving
from infra.plugin.marshalling import UNKNOWN, from_wire, to_wire
from infra.plugin.serving import answer

RESOURCES: dict[str, type[Resource[Any]]] = {
    f"lxd:index:{kind.__name__}": kind
    for kind in (Project, StoragePool, Image, Network, Instance, Volume, VolumeAttachment)
}
Context: TypeAlias = grpc.ServicerContext


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, say: Callable[[str], None]) -> None:
        self._cancelled = threading.Event()
        self._resources = {token: kind(self._cancelled, say) for token, kind in RESOURCES.items()}

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=schema.VERSION)

    def GetSchema(self, request: wire.GetSchemaRequest, context: Context) -> wire.GetSchemaResponse:
        return wire.GetSchemaResponse(schema=json.dumps(schema.pulumi_schema()))

    def CheckConfig(self, request: wire.CheckRequest, context: Context) -> wire.CheckResponse:
        unknown = sorted(set(request.news.fields) - {"version", "pluginDownloadURL"})
        return wire.CheckResponse(
            inputs=request.news,
            failures=[
                wire.CheckFailure(
                    property=key, reason=f"{key}: the provider lxd takes no configuration; remove it"
                )
                for key in unknown
            ],
        )

    def DiffConfig(self, request: wire.DiffRequest, context: Context) -> wire.DiffResponse:
        return wire.DiffResponse(changes=wire.DiffResponse.DIFF_NONE)

    def Configure(self, request: wire.ConfigureRequest, context: Context) -> wire.ConfigureResponse:
        return wire.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """Waits end with an error at their next step; the next run continues with what exists by then."""
        self._cancelled.set()
        return empty_pb2.Empty()

    def Check(self, request: wire.CheckRequest, context: Context) -> wire.CheckResponse:
        def work() -> wire.CheckResponse:
            resource = self._resource(request.urn)
            olds, news = from_wire(request.olds), from_wire(request.news)
            failures = schema.check(resource.model, olds, news)
            # Checks against the machine need all values; a preview may not have them yet, the update will.
            if not failures and UNKNOWN not in news.values():
                inputs = _typed(resource, news)
                failures = own.faults(inputs) or resource.check(olds, inputs)
            return wire.CheckResponse(
                inputs=request.news,
                failures=[wire.CheckFailure(property=f.property, reason=f.reason) for f in failures],
            )

        return answer(context, work)

    def Diff(self, request: wire.DiffRequest, context: Context) -> wire.DiffResponse:
        def work() -> wire.DiffResponse:
            return diff(
                self._resource(request.urn).model,
                from_wire(request.old_inputs),
                from_wire(request.news),
                set(request.ignoreChanges),
            )

        return answer(context, work)

    def Create(self, request: wire.CreateRequest, context: Context) -> wire.CreateResponse:
        def work() -> wire.CreateResponse:
            news = from_wire(request.properties)
            if request.preview:
                return wire.CreateResponse(id="", properties=to_wire(news))
            resource = self._resource(request.urn)
            inputs = _inputs(resource, news)
            outputs = resource.converge(inputs)
            return wire.CreateResponse(id=resource.identity(inputs), properties=to_wire({**news, **outputs}))

        return answer(context, work, request.properties)

    def Read(self, request: wire.ReadRequest, context: Context) -> wire.ReadResponse:
        def work() -> wire.ReadResponse:
            resource = self._resource(request.urn)
            if request.inputs.fields or request.properties.fields:
                found = resource.read(_recorded(resource, request.inputs, request.properties))
            else:
                found = resource.adopt(request.id, _stack(request.urn))
                if found is not None:
                    _recorded(resource, to_wire(found.inputs), request.properties)
            if found is None:
                return wire.ReadResponse(id="")
            properties = {**from_wire(request.properties), **found.inputs, **found.outputs}
            return wire.ReadResponse(
                id=request.id, inputs=to_wire(found.inputs), properties=to_wire(properties)
            )

        return answer(context, work)

    def Update(self, request: wire.UpdateRequest, context: Context) -> wire.UpdateResponse:
        def work() -> wire.UpdateResponse:
            news = from_wire(request.news)
            if request.preview:
                return wire.UpdateResponse(properties=to_wire(_predicted(request, news)))
            resource = self._resource(request.urn)
            outputs = resource.converge(_inputs(resource, news))
            return wire.UpdateResponse(properties=to_wire({**news, **outputs}))

        return answer(context, work, request.news)

    def Delete(self, request: wire.DeleteRequest, context: Context) -> empty_pb2.Empty:
        def work() -> empty_pb2.Empty:
            resource = self._resource(request.urn)
            resource.delete(_recorded(resource, request.old_inputs, request.properties))
            return empty_pb2.Empty()

        return answer(context, work)

    def _resource(self, urn: str) -> Resource[Any]:
        token = urn.split("::")[2].split("$")[-1]
        if token not in self._resources:
            raise FlashtierError(
                f"{token}: the provider lxd has no such resource; it has {', '.join(self._resources)}"
            )
        return self._resources[token]


def _stack(urn: str) -> str:
    return urn.split("::")[0].removeprefix("urn:pulumi:")


def diff(
    model: type[schema.Inputs], olds: Mapping[str, Any], news: Mapping[str, Any], ignored: set[str]
) -> wire.DiffResponse:
    """What changes between two sets of inputs, and whether it does so in place."""
    kinds = wire.PropertyDiff
    detailed = {}
    for name in sorted({*olds, *news}):
        if name in ignored or olds.get(name) == news.get(name):
            continue
        replaces = schema.change_of(model, name) == "replace"
        kind = (kinds.ADD, kinds.ADD_REPLACE) if name not in olds else (kinds.UPDATE, kinds.UPDATE_REPLACE)
        if name not in news:
            kind = (kinds.DELETE, kinds.DELETE_REPLACE)
        detailed[name] = kinds(kind=kind[replaces], inputDiff=True)
    replaced = [name for name in detailed if schema.change_of(model, name) == "replace"]
    some, none = wire.DiffResponse.DIFF_SOME, wire.DiffResponse.DIFF_NONE
    return wire.DiffResponse(
        changes=some if detailed else none,
        diffs=list(detailed),
        detailedDiff=detailed,
        hasDetailedDiff=True,
        replaces=replaced,
        deleteBeforeReplace=bool(replaced) and model.delete_before_replace,
    )


def _predicted(request: wire.UpdateRequest, news: dict[str, Any]) -> dict[str, Any]:
    """A preview's outputs of an update: a loop device may be another one after it was bound again."""
    outputs = {key: value for key, value in from_wire(request.olds).items() if key not in news}
    if "device" in outputs and from_wire(request.old_inputs).get("bound") is False:
        outputs["device"] = UNKNOWN
    return {**outputs, **news}


def _typed(resource: Resource[Any], values: Mapping[str, Any]) -> schema.Inputs:
    model: type[schema.Inputs] = resource.model
    return model.model_validate(
        {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    )


def _inputs(resource: Resource[Any], values: Mapping[str, Any]) -> schema.Inputs:
    """What is to be made or changed. Raises `FlashtierError` where it is not the stack's."""
    inputs = _typed(resource, values)
    own.refuse(inputs)
    return inputs


def _recorded(
    resource: Resource[Any], inputs: struct_pb2.Struct, properties: struct_pb2.Struct
) -> schema.Inputs:
    """The state's inputs as they are: what a refresh found need not pass Check. Names must be the stack's.

    A flag that was found false is drift, not an input: what is declared is true.
    """
    recorded = from_wire(inputs) or from_wire(properties)
    model: type[schema.Inputs] = resource.model
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if field.alias not in recorded:
            if field.is_required():
                raise FlashtierError(f"{field.alias}: is not in the state, so the resource cannot be found")
            continue  # an older kit's state
        value = recorded[field.alias]
        values[name] = True if schema.is_flag(field) else tuple(value) if isinstance(value, list) else value
    state = model.model_construct(**values)
    own.refuse_names(state)
    return state


def serve() -> None:
    """Serve until the engine goes; lines for the user are warnings."""
    serving.serve(Provider(serving.speaker(sys.argv[1:], serving.WARNING)))
