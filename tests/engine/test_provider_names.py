"""The provider makes, reads and deletes nothing that does not carry its stack's own names."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from tests.engine.provider import INSTANCE, NETWORK, STACK, STATE, VOLUME, check, urn, wire

PROJECT = {"stack": STACK, "name": "flashtier-engp", "intact": True}
POOL = {**PROJECT, "driver": "dir"}
IMAGE = {
    "stack": STACK,
    "project": "flashtier-engp",
    "recipe": "0" * 16,
    "metadataFile": str(STATE / f"cache/images/{'0' * 16}/metadata.tar.xz"),
    "rootfsFile": str(STATE / f"cache/images/{'0' * 16}/rootfs.squashfs"),
}
ATTACHMENT = {
    "stack": STACK,
    "project": "flashtier-engp",
    "instance": "db1",
    "name": "flash",
    "source": "/dev/flashtier/engp/db1-flash",
    "device": "/dev/loop0",
    "attached": True,
}
#: A file of the test's own: a faulty provider would otherwise delete a file of the machine.
VICTIM = STATE / "victim"
FOREIGN = [
    ("Project", PROJECT, "name", "engp-foreign"),
    ("StoragePool", POOL, "name", "engp-foreign"),
    ("Network", NETWORK, "name", "engp-foreign"),
    ("Image", IMAGE, "project", "engp-foreign"),
    ("Instance", INSTANCE, "project", "engp-foreign"),
    ("Instance", INSTANCE, "storagePool", "engp-foreign"),
    ("Instance", INSTANCE, "network", "engp-foreign"),
    ("Volume", VOLUME, "file", str(VICTIM)),
    ("Volume", VOLUME, "link", str(VICTIM)),
    ("VolumeAttachment", ATTACHMENT, "source", str(VICTIM)),
    ("VolumeAttachment", ATTACHMENT, "project", "engp-foreign"),
]
#: Inputs from outside, which may have changed by the time of a delete.
CONTENT = [
    ("Image", IMAGE, "rootfsFile", str(VICTIM)),
    ("Image", IMAGE, "metadataFile", str(VICTIM)),
    ("Instance", INSTANCE, "authorizedKeys", ["ssh-ed25519 AAAA foreign"]),
]
CASES = [pytest.param(*case, id=f"{case[0]}.{case[2]}") for case in FOREIGN]
CREATED = [pytest.param(*case, id=f"{case[0]}.{case[2]}") for case in (*FOREIGN, *CONTENT)]


def details(call: Any, request: Any) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        call(request, timeout=30)
    return str(refused.value.details())


@pytest.mark.parametrize(("kind", "right", "name", "value"), CREATED)
def test_another_name_or_key_is_not_made(
    provider: Any, kind: str, right: dict[str, Any], name: str, value: Any
) -> None:
    wrong = {**right, name: value}
    (reason,) = check(provider, kind, wrong).values()
    assert reason.startswith(f"{name} = ")
    request = provider_pb2.CreateRequest(urn=urn(kind), properties=wire(wrong))
    assert details(provider.Create, request).startswith(f"{name} = ")
    update = provider_pb2.UpdateRequest(
        id="x", urn=urn(kind), olds=wire(right), old_inputs=wire(right), news=wire(wrong)
    )
    assert details(provider.Update, update).startswith(f"{name} = ")


@pytest.mark.parametrize(("kind", "right", "name", "value"), CASES)
def test_another_name_is_neither_read_nor_deleted(
    provider: Any, kind: str, right: dict[str, Any], name: str, value: Any
) -> None:
    wrong = wire({**right, name: value})
    delete = provider_pb2.DeleteRequest(id="x", urn=urn(kind), properties=wrong, old_inputs=wrong)
    assert details(provider.Delete, delete).startswith(f"{name} = ")
    read = provider_pb2.ReadRequest(id="x", urn=urn(kind), inputs=wrong, properties=wrong)
    assert details(provider.Read, read).startswith(f"{name} = ")


@pytest.mark.parametrize("host", ["../../outside", "db1/..", ""])
def test_no_name_leads_out_of_its_folder(provider: Any, host: str) -> None:
    """File and link follow from the names, so a name that is a path would be as good as any path."""
    file = STATE / STACK / "volumes" / f"{host}-flash.img"
    values = wire({**VOLUME, "host": host, "file": str(file), "link": f"/dev/flashtier/{STACK}/{host}-flash"})
    request = provider_pb2.DeleteRequest(id="x", urn=urn("Volume"), properties=values, old_inputs=values)
    assert details(provider.Delete, request).startswith(f"host = {host!r}: must be a host name")


def test_another_file_survives(provider: Any) -> None:
    """An attack that once worked: Delete of a volume removed any file."""
    VICTIM.write_text("data")
    values = wire({**VOLUME, "file": str(VICTIM)})
    request = provider_pb2.DeleteRequest(id="x", urn=urn("Volume"), properties=values, old_inputs=values)
    details(provider.Delete, request)
    assert VICTIM.read_text() == "data"
