"""The LXD storage pool of a stack's root disks."""

from __future__ import annotations

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
        return {}

    def read(self, inputs: StoragePoolInputs) -> Found | None:
        found = self.lxd().get("storage-pools", inputs.name)
        if found is None:
            return None
        refuse_foreign("storage pool", inputs.name, found, inputs.stack)
        return Found({**inputs.wire(), "driver": found["driver"]}, {})

    def delete(self, inputs: StoragePoolInputs) -> None:
        lxd = self.lxd()
        found = lxd.get("storage-pools", inputs.name)
        if found is not None:
            refuse_foreign("storage pool", inputs.name, found, inputs.stack)
            lxd.delete("storage-pools", inputs.name)
