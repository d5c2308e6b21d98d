"""The provider by its own protocol, as the engine calls it: checks, diffs, secrets, foreign objects."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import provider_pb2

from infra.local import routes
from infra.plugin.marshalling import UNKNOWN, from_wire
from tests.engine.provider import INSTANCE, NETWORK, PLUGIN, STACK, VOLUME, check, diff, urn, wire
from tests.support.guards import sometimes


def test_all_failures_are_reported_at_once(provider: Any) -> None:
    wrong = {
        **VOLUME,
        "volumeClass": "floppy",
        "sizeGib": 0,
        "uuid": "x",
        "file": "relative",
        "colour": "red",
    }
    del wrong["host"]
    failures = check(provider, "Volume", wrong)
    assert set(failures) == {"volumeClass", "sizeGib", "uuid", "file", "colour", "host"}
    assert (
        failures["colour"] == "colour: is not a property of this resource; remove it or correct its spelling"
    )
    assert failures["host"] == "host: is missing; add it"
    assert failures["volumeClass"].startswith("volumeClass = 'floppy': Input should be 'flash' or 'network'")


def test_unknown_values_of_a_preview_pass(provider: Any) -> None:
    assert check(provider, "Instance", {**INSTANCE, "image": UNKNOWN, "network": UNKNOWN}) == {}
    failures = check(provider, "Instance", {**INSTANCE, "image": UNKNOWN, "vcpus": 0})
    assert set(failures) == {"vcpus"}


def test_what_would_lose_data_is_refused(provider: Any) -> None:
    moved = {
        **VOLUME,
        "uuid": VOLUME["uuid"].replace("2", "3"),
        "file": "/elsewhere.img",
        "volumeClass": "network",
    }
    assert set(check(provider, "Volume", moved, VOLUME)) == {"uuid", "file", "volumeClass"}
    assert (
        "has 3 GiB and cannot shrink"
        in check(provider, "Volume", {**VOLUME, "sizeGib": 2}, VOLUME)["sizeGib"]
    )
    file = Path(VOLUME["file"])
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert check(provider, "Volume", {**VOLUME, "sizeGib": 4}, VOLUME) == {}
    file.unlink()


def test_a_range_in_use_is_refused(provider: Any) -> None:
    """By a route, by an address, by nothing else."""
    used = {**NETWORK, "cidr": "127.0.0.0/24", "gateway": "127.0.0.1"}
    assert "overlaps the " in check(provider, "Network", used)["cidr"]
    assert check(provider, "Network", NETWORK) == {}
    outside = check(provider, "Network", {**NETWORK, "gateway": "10.90.8.1"})
    assert set(outside) == {"gateway"}
    subprocess.run(["ip", "route", "add", "unreachable", "10.90.9.128/25"], check=True, timeout=10)
    try:
        assert "the route 10.90.9.128/25" in check(provider, "Network", NETWORK)["cidr"]
    finally:
        subprocess.run(["ip", "route", "del", "unreachable", "10.90.9.128/25"], check=True, timeout=10)


@pytest.mark.parametrize(
    ("kind", "olds", "news", "replaces"),
    [
        ("Instance", INSTANCE, {**INSTANCE, "memoryMib": 4096, "vcpus": 1}, False),
        ("Instance", {**INSTANCE, "running": False}, INSTANCE, False),
        ("Instance", INSTANCE, {**INSTANCE, "address": "10.90.9.101"}, True),
        ("Volume", VOLUME, {**VOLUME, "sizeGib": 4}, False),
        ("Network", NETWORK, {**NETWORK, "cidr": "10.90.8.0/24"}, True),
    ],
)
def test_what_updates_and_what_replaces(
    provider: Any, kind: str, olds: dict[str, Any], news: dict[str, Any], replaces: bool
) -> None:
    answer = diff(provider, kind, olds, news)
    changed = {name for name in news if olds[name] != news[name]}
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert set(answer.detailedDiff) == changed
    assert set(answer.replaces) == (changed if replaces else set())
    assert answer.deleteBeforeReplace is replaces
    assert diff(provider, kind, olds, news, sorted(changed)).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_the_schema_agrees_with_diff(provider: Any) -> None:
    """Through the real CLI: each input is described, and its description agrees with Diff."""
    done = subprocess.run(
        ["pulumi", "package", "get-schema", PLUGIN], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    resources = json.loads(done.stdout)["resources"]
    assert {token.rsplit(":", 1)[1] for token in resources} == {
        *("Project", "StoragePool", "Image", "Network", "Instance", "Volume", "VolumeAttachment")
    }
    for kind, inputs in (("Instance", INSTANCE), ("Volume", VOLUME), ("Network", NETWORK)):
        described = resources[f"lxd:index:{kind}"]["inputProperties"]
        assert set(described) == set(inputs)
        for name, property_ in described.items():
            changed = {**inputs, name: "another"}
            replaces = name in diff(provider, kind, inputs, changed).replaces
            said = property_["description"]
            assert replaces == said.endswith("A change replaces the resource."), (kind, name, said)
            if said.endswith("A change is refused."):
                assert name in check(provider, kind, changed, inputs)


@pytest.mark.parametrize("protected", [True, False])
def test_a_missing_file_is_drift_and_only_an_unprotected_one_is_made_again(
    provider: Any, protected: bool
) -> None:
    file = Path(VOLUME["file"])
    properties = wire({**VOLUME, "sizeGib": 1, "protected": protected, "acceptBlank": False})
    known = {"id": "x", "urn": urn("Volume")}
    made = provider.Create(provider_pb2.CreateRequest(urn=urn("Volume"), properties=properties), timeout=60)
    device = from_wire(made.properties)["device"]
    try:
        subprocess.run(["losetup", "--detach", device], check=True, timeout=10)
        file.unlink()
        read = provider.Read(
            provider_pb2.ReadRequest(**known, inputs=properties, properties=made.properties), timeout=30
        )
        assert from_wire(read.inputs) == {**from_wire(properties), "bound": False}
        request = provider_pb2.CheckRequest(urn=urn("Volume"), news=properties, olds=read.inputs)
        failures = provider.Check(request, timeout=20).failures
        assert [failure.property for failure in failures] == (["file"] if protected else [])
        if sometimes(not protected):
            update = provider_pb2.UpdateRequest(
                **known, olds=made.properties, old_inputs=read.inputs, news=properties
            )
            provider.Update(update, timeout=60)
            assert file.stat().st_size == 1 << 30
    finally:
        provider.Delete(
            provider_pb2.DeleteRequest(**known, properties=properties, old_inputs=properties), timeout=60
        )
    assert not file.exists()


def test_secrets_and_unknowns_are_unwrapped() -> None:
    signature = "4dabf18193072939515e22adb298388d"
    secret = {signature: "1b47061264138c4ac30d75fd1eb44270", "value": ["a", 1.0, 1.5]}
    output = {signature: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    assert from_wire(wire({"secret": secret, "output": output})) == {
        "secret": ["a", 1, 1.5],
        "output": UNKNOWN,
    }


def test_a_preview_of_a_create_makes_nothing(provider: Any) -> None:
    request = provider_pb2.CreateRequest(urn=urn("Network"), properties=wire(NETWORK), preview=True)
    answer = provider.Create(request, timeout=20)
    assert answer.id == ""
    assert not routes.has_unreachable("10.90.9.0/24")


def test_a_foreign_object_of_the_same_name_is_refused(provider: Any) -> None:
    create = ["lxc", "network", "create", "ft-engp", "ipv4.address=none", "ipv6.address=none"]
    subprocess.run(create, check=True, capture_output=True, timeout=30)
    try:
        assert "is not this stack's" in check(provider, "Network", NETWORK)["cidr"]
        for call, request in (
            (provider.Create, provider_pb2.CreateRequest(urn=urn("Network"), properties=wire(NETWORK))),
            (
                provider.Delete,
                provider_pb2.DeleteRequest(
                    id="x", urn=urn("Network"), properties=wire(NETWORK), old_inputs=wire(NETWORK)
                ),
            ),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call(request, timeout=30)
            assert "does not carry user.flashtier.stack=engp" in caught.value.details()
        assert not routes.has_unreachable("10.90.9.0/24")
    finally:
        subprocess.run(["lxc", "network", "delete", "ft-engp"], check=True, capture_output=True, timeout=30)


def test_a_lost_bridge_is_found_and_made_again(provider: Any) -> None:
    """Also where the network is deleted while its interface is gone: nothing is left."""
    properties = wire(NETWORK)

    def interface() -> bool:
        return (
            subprocess.run(["ip", "link", "show", "ft-engp"], capture_output=True, timeout=10).returncode == 0
        )

    provider.Create(provider_pb2.CreateRequest(urn=urn("Network"), properties=properties), timeout=60)
    read = provider_pb2.ReadRequest(
        id="ft-engp", urn=urn("Network"), inputs=properties, properties=properties
    )
    try:
        assert from_wire(provider.Read(read, timeout=30).inputs) == NETWORK
        subprocess.run(["ip", "link", "delete", "ft-engp"], check=True, timeout=10)
        found = provider.Read(read, timeout=30).inputs
        assert from_wire(found)["intact"] is False
        update = provider_pb2.UpdateRequest(
            id="ft-engp", urn=urn("Network"), olds=properties, old_inputs=found, news=properties
        )
        provider.Update(update, timeout=60)
        assert interface()
        subprocess.run(["ip", "link", "delete", "ft-engp"], check=True, timeout=10)
    finally:
        request = provider_pb2.DeleteRequest(
            id="ft-engp", urn=urn("Network"), properties=properties, old_inputs=properties
        )
        provider.Delete(request, timeout=60)
    assert not interface()
    assert not routes.has_unreachable("10.90.9.0/24")
    listening = subprocess.run(["pgrep", "-f", "--", "--interface=ft-engp"], capture_output=True, timeout=10)
    assert listening.returncode == 1, "LXD's dnsmasq was left behind"


def test_a_failed_start_leaves_the_host_in_the_state(provider: Any) -> None:
    """The error's details make the engine keep what exists, so that the next run continues from there."""
    subprocess.run(
        ["lxc", "project", "create", "flashtier-engp"], check=True, capture_output=True, timeout=30
    )
    try:
        broken = ["lxc", "--project", "flashtier-engp", "init", "--empty", "db1", "--storage", "engp"]
        subprocess.run(
            ["lxc", "storage", "create", "engp", "dir"], check=True, capture_output=True, timeout=30
        )
        subprocess.run(
            [*broken, "-c", f"user.flashtier.stack={STACK}"], check=True, capture_output=True, timeout=30
        )
        request = provider_pb2.CreateRequest(urn=urn("Instance"), properties=wire(INSTANCE))
        with pytest.raises(grpc.RpcError) as caught:
            provider.Create(request, timeout=60)
        metadata = dict(caught.value.trailing_metadata())
        status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
        detail = provider_pb2.ErrorResourceInitFailed()
        assert status.details[0].Unpack(detail)
        assert detail.id == "flashtier-engp/db1"
        assert from_wire(detail.inputs) == INSTANCE
    finally:
        for command in (
            ["lxc", "--project", "flashtier-engp", "delete", "--force", "db1"],
            ["lxc", "project", "delete", "flashtier-engp"],
            ["lxc", "storage", "delete", "engp"],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_sigint_ends_it() -> None:
    """By SIGINT: the engine waits five seconds before it kills, at the end of every command."""
    process = subprocess.Popen([PLUGIN], stdout=subprocess.PIPE, text=True, cwd="/")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.stdout.close()


def test_an_unknown_resource_is_reported_by_name(provider: Any) -> None:
    request = provider_pb2.CheckRequest(urn=urn("Balloon"), news=wire({}))
    with pytest.raises(grpc.RpcError, match="lxd:index:Balloon: the provider lxd has no such resource"):
        provider.Check(request, timeout=20)
    assert provider.GetPluginInfo(empty_pb2.Empty(), timeout=20).version
