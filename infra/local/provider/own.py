"""The provider makes, changes and deletes only what carries the names that its stack has on this machine.

Delete and Read get no Check before them, and a state can be edited by hand: each call is held to the names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.errors import FlashtierError
from infra.local import names
from infra.local.image import METADATA, ROOTFS, images_dir
from infra.local.provider import schema
from infra.local.provider.schema import Failure, Inputs
from infra.paths import public_key, stack_fault


def faults(inputs: Inputs) -> list[Failure]:
    """Every property that names or brings in something that is not the stack's."""
    return _names(inputs) or _content(inputs)


def refuse(inputs: Inputs) -> None:
    """Raise `FlashtierError` where the inputs have faults; for what is about to be made or changed."""
    _raise(faults(inputs))


def refuse_names(inputs: Inputs) -> None:
    """As `refuse`, for what is read or deleted: names only, as keys and files may have changed since."""
    _raise(_names(inputs))


def _raise(found: list[Failure]) -> None:
    if found:
        raise FlashtierError("; ".join(failure.reason for failure in found))


def _names(inputs: Inputs) -> list[Failure]:
    if fault := stack_fault(inputs.stack):
        return [Failure(property="stack", reason=f"stack = {inputs.stack!r}: {fault}")]
    for name in ("host", "instance", "name"):
        # Names of machine-wide objects, which may have other characters, are compared as a whole below.
        if name == "name" and name in _expected(inputs):
            continue
        value = getattr(inputs, name, "a")
        if not re.fullmatch(schema.HOST_NAME, value):
            return [Failure(property=name, reason=f"{name} = {value!r}: {schema.HOST_NAME_RULE}")]
    return _differing(inputs, _expected(inputs))


def _content(inputs: Inputs) -> list[Failure]:
    if isinstance(inputs, schema.ImageInputs):
        built = images_dir() / inputs.recipe
        return _differing(
            inputs, {"metadata_file": str(built / METADATA), "rootfs_file": str(built / ROOTFS)}
        )
    if isinstance(inputs, schema.InstanceInputs):
        return _keys(inputs)
    return []


def _keys(inputs: schema.InstanceInputs) -> list[Failure]:
    file = public_key(inputs.stack)
    known = file.read_text().splitlines() if file.is_file() else []
    foreign = [key for key in inputs.authorized_keys if key not in known]
    return [
        Failure(
            property="authorizedKeys",
            reason=f"authorizedKeys = {key!r}: is not in {file}, and no other key may log in to the stack's "
            "hosts; take the key from that file",
        )
        for key in foreign
    ]


def _expected(inputs: Inputs) -> Mapping[str, str]:
    """Field -> the only value it may have, given the stack and the names of host and volume."""
    stack = inputs.stack
    if isinstance(inputs, schema.ProjectInputs):
        return {"name": names.project(stack)}
    if isinstance(inputs, schema.StoragePoolInputs):
        return {"name": names.storage_pool(stack)}
    if isinstance(inputs, schema.NetworkInputs):
        return {"name": names.bridge(stack)}
    if isinstance(inputs, schema.ImageInputs):
        return {"project": names.project(stack)}
    if isinstance(inputs, schema.InstanceInputs):
        return {
            "project": names.project(stack),
            "storage_pool": names.storage_pool(stack),
            "network": names.bridge(stack),
        }
    if isinstance(inputs, schema.VolumeInputs):
        return {
            "file": str(names.volume_file(stack, inputs.host, inputs.name)),
            "link": str(names.volume_link(stack, inputs.host, inputs.name)),
        }
    if isinstance(inputs, schema.VolumeAttachmentInputs):
        return {
            "project": names.project(stack),
            "source": str(names.volume_link(stack, inputs.instance, inputs.name)),
        }
    raise TypeError(type(inputs).__name__)


def _differing(inputs: Inputs, expected: Mapping[str, str]) -> list[Failure]:
    return [
        Failure(
            property=alias,
            reason=f"{alias} = {value!r}: is {wanted!r} for stack {inputs.stack}, and the provider touches "
            "nothing else; set it so (paths follow FLASHTIER_STATE and FLASHTIER_CACHE)",
        )
        for field, wanted in expected.items()
        if (value := getattr(inputs, field)) != wanted
        for alias in (type(inputs).model_fields[field].alias or field,)
    ]
