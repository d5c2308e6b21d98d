"""The engine's protocol for the stand-in. What each type means is in table/."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import grpc
from botocore.exceptions import ClientError
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as wire

from infra.plugin.marshalling import UNKNOWN, from_wire, to_wire
from standin import convert, diff, resource
from standin.account import Account, is_gone
from standin.invokes import INVOKES
from standin.row import Bad, Refused, Row, Values
from standin.sdk import unknown_keys
from standin.table import TABLE

VERSION = "7.51.1"
Answer = TypeVar("Answer")
#: Settings of the provider that the stand-in takes; another one is refused.
_SETTINGS = {"region", "defaultTags", "version", "skipCredentialsValidation", "skipRegionValidation"}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, home: Path) -> None:
        # Faults that a test asks for: zones that have no hosts to give, {"urn's name": "Code: message"} and
        # {"type": seconds that a creation takes}.
        full = frozenset(json.loads(os.environ.get("AWS_STANDIN_FULL", "[]")))
        self._account = Account(Path(os.environ["AWS_STANDIN_RECORDS"]), full)
        self._schema = json.loads((home / "schema.json").read_text())
        self._fails: dict[str, str] = json.loads(os.environ.get("AWS_STANDIN_FAIL", "{}"))
        self._slow: dict[str, float] = json.loads(os.environ.get("AWS_STANDIN_SLOW", "{}"))

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request, context):
        return wire.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": VERSION}))

    def Cancel(self, request, context):
        return empty_pb2.Empty()

    def CheckConfig(self, request, context):
        news, failures = from_wire(request.news), []
        region = news.get("region")
        if region is None:
            failures.append(("region", "is missing; set aws:region or the provider's region"))
        elif region != UNKNOWN and region not in convert.SESSION.get_available_regions("ec2"):
            failures.append(("region", f"{region!r} is not a region of AWS"))
        failures += [
            (name, "the stand-in does not know this setting") for name in sorted(set(news) - _SETTINGS)
        ]
        return wire.CheckResponse(
            inputs=request.news,
            failures=[wire.CheckFailure(property=name, reason=why) for name, why in failures],
        )

    def DiffConfig(self, request, context):
        olds, news = from_wire(request.olds), from_wire(request.news)
        changed = sorted(k for k in {*olds, *news} if olds.get(k) != news.get(k) and k != "version")
        answer = wire.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if changed else answer.DIFF_NONE,
            diffs=changed,
            replaces=[name for name in changed if name == "region"],
        )

    def Configure(self, request, context):
        def work():
            settings = from_wire(request.args)
            tags = settings.get("defaultTags") or {}
            tags = (
                json.loads(tags) if isinstance(tags, str) else tags
            )  # the engine sends nested settings as JSON
            self._account.region = settings["region"]
            self._account.default_tags = tags.get("tags") or {}
            self._account.number = self._account.call("sts", "get_caller_identity")["Account"]
            return wire.ConfigureResponse(
                acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
            )

        return _answer(context, work)

    def Check(self, request, context):
        """The whole request is made and validated, with what is not known yet let through."""

        def work():
            row = _row(request.urn)
            olds, news = from_wire(request.olds), from_wire(request.news)
            failures = []
            known = self._schema[_token(request.urn)]["inputs"]
            for path in unknown_keys(known, news):
                failures.append((path, "pulumi-aws has no such property"))
            seed = hashlib.sha256(request.randomSeed or os.urandom(8)).hexdigest()[:7]
            row.complete(news, request.urn.split("::")[-1], seed, olds)
            try:
                if not failures:
                    resource.check(self._account, row, news)
            except (Bad, Refused) as error:
                at = getattr(error, "path", "")
                failures.append((at, f"{at}: {error.why}" if isinstance(error, Bad) else str(error)))
            return wire.CheckResponse(
                inputs=to_wire(news),
                failures=[wire.CheckFailure(property=at, reason=why) for at, why in failures],
            )

        return _answer(context, work)

    def Diff(self, request, context):
        return _answer(context, lambda: diff.response(self._account, _row(request.urn), request))

    def Create(self, request, context):
        news = from_wire(request.properties)
        if request.preview:
            return wire.CreateResponse(id="", properties=to_wire(news))
        row = _row(request.urn)
        token = _token(request.urn)
        identity = ""

        def work():
            nonlocal identity
            if why := self._fails.get(request.urn.split("::")[-1]):
                raise Refused(*why.split(": ", 1))
            time.sleep(self._slow.get(token, 0))
            identity = resource.create(self._account, row, news)
            resource.complete(self._account, row, identity, news)
            return wire.CreateResponse(
                id=identity, properties=to_wire(self._outputs(row, token, identity, news))
            )

        try:
            return _answer(context, work, lambda error: _incomplete(context, identity, request, error))
        finally:
            identity = ""

    def Read(self, request, context):
        def work():
            row = _row(request.urn)
            if not request.inputs.fields:
                raise Refused("Unsupported", "the stand-in cannot import")
            inputs = from_wire(request.inputs)
            found = resource.find(self._account, row, request.id, inputs)
            if found is None:
                return wire.ReadResponse(id="")
            seen = resource.seen(self._account, row, request.id, inputs, found)
            outputs = self._outputs(row, _token(request.urn), request.id, seen, found)
            return wire.ReadResponse(id=request.id, inputs=to_wire(seen), properties=to_wire(outputs))

        return _answer(context, work)

    def Update(self, request, context):
        def work():
            row = _row(request.urn)
            olds, news = from_wire(request.old_inputs), from_wire(request.news)
            if request.preview:
                return wire.UpdateResponse(properties=to_wire({**from_wire(request.olds), **news}))
            changed = diff.changed(olds, news)
            recorded_tags = from_wire(request.olds).get("tagsAll") or olds.get("tags") or {}
            resource.update(self._account, row, request.id, changed, olds, news, recorded_tags)
            outputs = self._outputs(row, _token(request.urn), request.id, news)
            return wire.UpdateResponse(properties=to_wire(outputs))

        return _answer(context, work)

    def Delete(self, request, context):
        def work():
            row = _row(request.urn)
            inputs = {**from_wire(request.properties), **from_wire(request.old_inputs)}
            try:
                resource.delete(self._account, row, request.id, inputs)
            except ClientError as error:
                if not is_gone(error):
                    raise
            return empty_pb2.Empty()

        return _answer(context, work)

    def Invoke(self, request, context):
        def work():
            if request.tok not in INVOKES:
                raise Refused("Unsupported", f"function {request.tok} is not in the stand-in's table")
            answer = wire.InvokeResponse()
            getattr(answer, "return").CopyFrom(
                to_wire(INVOKES[request.tok](self._account, from_wire(request.args)))
            )
            return answer

        return _answer(context, work)

    def _outputs(
        self, row: Row, token: str, identity: str, inputs: Values, found: Values | None = None
    ) -> Values:
        if found is None:
            found = resource.find(self._account, row, identity, inputs) or {}
        return resource.outputs(self._account, row, self._schema[token]["outputs"], identity, inputs, found)


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _row(urn: str) -> Row:
    token = _token(urn)
    if token not in TABLE:
        raise Refused("Unsupported", f"{token} is not in the stand-in's table")
    return TABLE[token]


def _answer(
    context: grpc.ServicerContext,
    work: Callable[[], Answer],
    failed: Callable[[str], Any] = lambda error: None,
) -> Answer:
    try:
        return work()
    except (Bad, Refused, ClientError) as error:
        text = str(error)
    except Exception as error:  # not foreseen: the place goes to the log
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
    failed(text)
    context.abort(grpc.StatusCode.UNKNOWN, text)
    raise AssertionError("unreachable: abort raises")


def _incomplete(
    context: grpc.ServicerContext, identity: str, request: wire.CreateRequest, error: str
) -> None:
    """A thing that exists and did not become whole is kept in the state, as the real provider does it."""
    if not identity:
        return
    detail = wire.ErrorResourceInitFailed(
        id=identity, properties=request.properties, inputs=request.properties, reasons=[error]
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=error)
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def serve(home: Path) -> None:
    """Serve on a free port of the loopback, which is the first line of the output, until the engine ends."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = grpc.server(
        ThreadPoolExecutor(16),
        options=[("grpc.max_receive_message_length", 1 << 28), ("grpc.max_send_message_length", 1 << 28)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(home), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    engine = os.getppid()
    while os.getppid() == engine and not ended.wait(timeout=1):
        pass
    os._exit(0)
