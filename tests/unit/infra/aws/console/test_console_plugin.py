"""The plugin ec2console over Pulumi's protocol, started as the engine does; the EC2 API is a small server."""

from __future__ import annotations

import base64
import http.server
import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from infra.aws.console.server import TOKEN
from infra.paths import ROOT
from infra.plugin.marshalling import UNKNOWN, from_wire, to_wire

URN = f"urn:pulumi:unit::flashtier::{TOKEN}::db1"
INPUTS = {"instanceId": "i-0123456789abcdef0", "region": "eu-central-1"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
CONSOLE = f"-----BEGIN SSH HOST KEY KEYS-----\n{KEY} root@ip\n-----END SSH HOST KEY KEYS-----\n"


class _Api(http.server.BaseHTTPRequestHandler):
    """Answers each call with the console."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        output = base64.b64encode(CONSOLE.encode()).decode()
        body = f"<GetConsoleOutputResponse><output>{output}</output></GetConsoleOutputResponse>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=api.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{api.server_port}"
    api.shutdown()
    thread.join(10)
    api.server_close()


@pytest.fixture
def plugin(endpoint: str) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    credentials = {"AWS_ACCESS_KEY_ID": "unit", "AWS_SECRET_ACCESS_KEY": "unit", "AWS_ENDPOINT_URL": endpoint}
    process = subprocess.Popen(
        [ROOT / "infra/aws/console/pulumi-resource-ec2console"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **credentials},
    )
    assert process.stdout is not None
    channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
    yield provider_pb2_grpc.ResourceProviderStub(channel)
    channel.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


def test_made_kept_at_refresh_and_replaced_with_the_instance(plugin):
    checked = plugin.Check(provider_pb2.CheckRequest(urn=URN, news=to_wire(INPUTS)), timeout=10)
    assert not checked.failures
    create = provider_pb2.CreateRequest(urn=URN, properties=checked.inputs, preview=True)
    assert from_wire(plugin.Create(create, timeout=10).properties)["sshHostKey"] == UNKNOWN
    create.preview = False
    made = plugin.Create(create, timeout=20)
    assert made.id == INPUTS["instanceId"]
    assert from_wire(made.properties) == {**INPUTS, "sshHostKey": KEY}

    read = provider_pb2.ReadRequest(id=made.id, urn=URN, properties=made.properties, inputs=to_wire(INPUTS))
    assert from_wire(plugin.Read(read, timeout=10).properties)["sshHostKey"] == KEY

    diff = provider_pb2.DiffRequest(
        id=made.id, urn=URN, old_inputs=to_wire(INPUTS), news=to_wire(INPUTS), olds=made.properties
    )
    assert plugin.Diff(diff, timeout=10).changes == provider_pb2.DiffResponse.DIFF_NONE
    diff.news.CopyFrom(to_wire({**INPUTS, "instanceId": "i-0fedcba9876543210"}))
    assert list(plugin.Diff(diff, timeout=10).replaces) == ["instanceId"]
    plugin.Delete(provider_pb2.DeleteRequest(id=made.id, urn=URN, properties=made.properties), timeout=10)


def test_an_import_is_refused_in_one_line(plugin):
    with pytest.raises(grpc.RpcError) as caught:
        plugin.Read(provider_pb2.ReadRequest(id="i-0123456789abcdef0", urn=URN), timeout=10)
    assert "cannot be imported" in caught.value.details()


def test_another_resource_is_refused(plugin):
    with pytest.raises(grpc.RpcError) as caught:
        plugin.Check(provider_pb2.CheckRequest(urn=URN.replace("SshHostKey", "Console")), timeout=10)
    assert "no such resource; it has ec2console:index:SshHostKey" in caught.value.details()


def test_configuration_is_refused_and_the_version_known(plugin):
    checked = plugin.CheckConfig(provider_pb2.CheckRequest(news=to_wire({"region": "x"})), timeout=10)
    assert [failure.property for failure in checked.failures] == ["region"]
    assert plugin.GetPluginInfo(empty_pb2.Empty(), timeout=10).version == "0.1.0"
