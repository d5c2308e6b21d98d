"""The engine's protocol for SshHostKey: made by waiting, never changed, deleted by forgetting."""

from __future__ import annotations

import json
import re
import sys
import threading
from typing import TypeAlias

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as wire

from infra.aws.console.reading import Reader
from infra.errors import FlashtierError
from infra.plugin import serving
from infra.plugin.marshalling import UNKNOWN, from_wire, to_wire
from infra.plugin.serving import Say, answer

TOKEN = "ec2console:index:SshHostKey"  # noqa: S105 - Pulumi's word for the name of a type
VERSION = "0.1.0"
OUTPUT = "sshHostKey"
#: Inputs: what each is, what it looks like, and an example. A change of any is another key.
INPUTS: dict[str, tuple[str, re.Pattern[str], str]] = {
    "instanceId": ("id of an EC2 instance", re.compile(r"i-[0-9a-f]{8,17}"), "i-0123456789abcdef0"),
    "region": ("region of AWS", re.compile(r"[a-z]{2}(-[a-z]+)+-\d"), "eu-central-1"),
}
Context: TypeAlias = grpc.ServicerContext


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, say: Say) -> None:
        self._cancelled = threading.Event()
        self._reader = Reader(say, self._cancelled)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: wire.GetSchemaRequest, context: Context) -> wire.GetSchemaResponse:
        return wire.GetSchemaResponse(schema=json.dumps(schema()))

    def CheckConfig(self, request: wire.CheckRequest, context: Context) -> wire.CheckResponse:
        unknown = sorted(set(request.news.fields) - {"version", "pluginDownloadURL"})
        says = "the provider ec2console takes no configuration, only AWS_* of the environment; remove it"
        failures = [wire.CheckFailure(property=key, reason=f"{key}: {says}") for key in unknown]
        return wire.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: wire.DiffRequest, context: Context) -> wire.DiffResponse:
        return wire.DiffResponse(changes=wire.DiffResponse.DIFF_NONE)

    def Configure(self, request: wire.ConfigureRequest, context: Context) -> wire.ConfigureResponse:
        return wire.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        self._cancelled.set()
        return empty_pb2.Empty()

    def Check(self, request: wire.CheckRequest, context: Context) -> wire.CheckResponse:
        def work() -> wire.CheckResponse:
            _known(request.urn)
            failures = [
                wire.CheckFailure(property=name, reason=reason)
                for name, reason in faults(from_wire(request.news)).items()
            ]
            return wire.CheckResponse(inputs=request.news, failures=failures)

        return answer(context, work)

    def Diff(self, request: wire.DiffRequest, context: Context) -> wire.DiffResponse:
        olds, news = from_wire(request.old_inputs), from_wire(request.news)
        changed = [name for name in INPUTS if olds.get(name) != news.get(name)]
        some, none = wire.DiffResponse.DIFF_SOME, wire.DiffResponse.DIFF_NONE
        return wire.DiffResponse(changes=some if changed else none, diffs=changed, replaces=changed)

    def Create(self, request: wire.CreateRequest, context: Context) -> wire.CreateResponse:
        def work() -> wire.CreateResponse:
            inputs = from_wire(request.properties)
            if request.preview:
                # Without a value for the output the SDK would take it for absent, not for unknown.
                return wire.CreateResponse(properties=to_wire({**inputs, OUTPUT: UNKNOWN}))
            key = self._reader.host_key(inputs["instanceId"], inputs["region"])
            return wire.CreateResponse(id=inputs["instanceId"], properties=to_wire({**inputs, OUTPUT: key}))

        return answer(context, work)

    def Read(self, request: wire.ReadRequest, context: Context) -> wire.ReadResponse:
        """The key as it is known: a console forgets its first boot, a host keeps its key."""

        def work() -> wire.ReadResponse:
            if OUTPUT not in request.properties.fields:
                raise FlashtierError(
                    f"{request.id}: an SSH host key cannot be imported; `pulumi up` reads it from the console"
                )
            return wire.ReadResponse(id=request.id, inputs=request.inputs, properties=request.properties)

        return answer(context, work)

    def Delete(self, request: wire.DeleteRequest, context: Context) -> empty_pb2.Empty:
        return empty_pb2.Empty()


def _known(urn: str) -> None:
    token = urn.split("::")[2].split("$")[-1]
    if token != TOKEN:
        raise FlashtierError(f"{token}: the provider ec2console has no such resource; it has {TOKEN}")


def faults(inputs: dict[str, object]) -> dict[str, str]:
    """What is wrong with the inputs of a resource, by name. What a preview cannot know yet passes."""
    found = {}
    for name in sorted({*INPUTS, *inputs}):
        value = inputs.get(name)
        if name not in INPUTS:
            found[name] = f"{name}: is no property of SshHostKey; it has {', '.join(INPUTS)}"
        elif value is None:
            found[name] = f"{name}: is missing; add it"
        elif value != UNKNOWN and not (isinstance(value, str) and INPUTS[name][1].fullmatch(value)):
            found[name] = f"{name} = {value!r}: is no {INPUTS[name][0]}; give one such as {INPUTS[name][2]}"
    return found


def schema() -> dict[str, object]:
    """The package's schema as `pulumi package get-schema` shows it."""
    inputs = {
        name: {"type": "string", "description": f"The {what}.", "willReplaceOnChanges": True}
        for name, (what, _, _) in INPUTS.items()
    }
    output = {OUTPUT: {"type": "string", "description": 'The public host key, "ssh-ed25519 AAAA...".'}}
    return {
        "name": "ec2console",
        "version": VERSION,
        "description": "What an EC2 instance says on its console.",
        "config": {},
        "provider": {"description": "Reads the console through the EC2 API; takes no configuration."},
        "resources": {
            TOKEN: {
                "description": "The SSH host key that an instance printed at its first boot.",
                "inputProperties": inputs,
                "requiredInputs": sorted(inputs),
                "properties": {**inputs, **output},
                "required": sorted({**inputs, **output}),
            }
        },
    }


def serve() -> None:
    """Serve until the engine goes, with a thread for each host whose first boot is awaited."""
    serving.serve(Provider(serving.speaker(sys.argv[1:], serving.INFO)), threads=200)
