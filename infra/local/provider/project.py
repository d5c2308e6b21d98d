"""The LXD project of a stack."""

from __future__ import annotations

from typing import Any

from infra.local.lxd import refuse_foreign
from infra.local.names import MARK
from infra.local.provider.resource import Found, Resource
from infra.local.provider.schema import ProjectInputs


class Project(Resource[ProjectInputs]):
    model = ProjectInputs

    def identity(self, inputs: ProjectInputs) -> str:
        return inputs.name

    def converge(self, inputs: ProjectInputs) -> dict[str, Any]:
        lxd = self.lxd()
        found = lxd.get("projects", inputs.name)
        if found is None:
            # Networks cannot belong to a project here: bridges are the machine's.
            config = {
                "features.images": "true",
                "features.profiles": "true",
                "features.storage.volumes": "true",
                "features.networks": "false",
                MARK: inputs.stack,
            }
            lxd.post("projects", body={"name": inputs.name, "config": config, "description": "flashtier"})
        else:
            refuse_foreign("project", inputs.name, found, inputs.stack)
        return {}

    def read(self, inputs: ProjectInputs) -> Found | None:
        found = self.lxd().get("projects", inputs.name)
        if found is None:
            return None
        refuse_foreign("project", inputs.name, found, inputs.stack)
        return Found(inputs.wire(), {})

    def delete(self, inputs: ProjectInputs) -> None:
        lxd = self.lxd()
        found = lxd.get("projects", inputs.name)
        if found is not None:
            refuse_foreign("project", inputs.name, found, inputs.stack)
            lxd.delete("projects", inputs.name)
