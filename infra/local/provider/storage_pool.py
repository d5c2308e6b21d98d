"""The LXD storage pool of a stack's root disks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.lxd import refuse_foreign
from infra.local.names import MARK
from infra.local.provider.resource import Found, Resource
from infra.local.provider.schema import StoragePoolInputs


class StoragePool(Resource[StoragePoolInputs]):
    model = StoragePoolInputs

    def identity(self, inputs: StoragePoolInputs) -> str:
        return inputs.name

    def converge(self, inputs: StoragePoolInputs) -> dict[str, Any]:
        lxd = self.lxd()
        found = lxd.get("storage-pools", inputs.name)
        if found is None:
            body = {"name": inputs.name, "driver": inputs.driver, "config": {MARK: inputs.stack}}
            lxd.post("storage-pools", body=body)
        else:
            refuse_foreign("storage pool", inputs.name, found, inputs.stack)
            if added := _added(found):
                kept = {key: value for key, value in found["config"].items() if key not in added}
                body = {"description": found["description"], "config": kept}
                lxd.put("storage-pools", inputs.name, body=body)
        return {}

    def read(self, inputs: StoragePoolInputs) -> Found | None:
        found = self.lxd().get("storage-pools", inputs.name)
        if found is None:
            return None
        refuse_foreign("storage pool", inputs.name, found, inputs.stack)
        return Found({**inputs.wire(), "driver": found["driver"], "intact": not _added(found)}, {})

    def adopt(self, identity: str, stack: str) -> Found | None:
        return self.read(StoragePoolInputs(stack=stack, name=identity, driver="dir"))

    def delete(self, inputs: StoragePoolInputs) -> None:
        lxd = self.lxd()
        found = lxd.get("storage-pools", inputs.name)
        if found is not None:
            refuse_foreign("storage pool", inputs.name, found, inputs.stack)
            lxd.delete("storage-pools", inputs.name)


def _added(found: Mapping[str, Any]) -> set[str]:
    """Settings that were added by hand, such as a bandwidth limit."""
    return {key for key in found["config"] if key not in (MARK, "source") and not key.startswith("volatile.")}
