"""The LXD project of a stack."""

from __future__ import annotations

from collections.abc import Mapping
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
        config = _config(inputs)
        found = lxd.get("projects", inputs.name)
        if found is None:
            lxd.post("projects", body={"name": inputs.name, "config": config, "description": "flashtier"})
        else:
            refuse_foreign("project", inputs.name, found, inputs.stack)
            if _differs(found, config):
                kept = {key: value for key, value in found["config"].items() if _is_default(key)}
                body = {"description": found["description"], "config": {**kept, **config}}
                lxd.put("projects", inputs.name, body=body)
        return {}

    def read(self, inputs: ProjectInputs) -> Found | None:
        found = self.lxd().get("projects", inputs.name)
        if found is None:
            return None
        refuse_foreign("project", inputs.name, found, inputs.stack)
        return Found({**inputs.wire(), "intact": not _differs(found, _config(inputs))}, {})

    def adopt(self, identity: str, stack: str) -> Found | None:
        return self.read(ProjectInputs(stack=stack, name=identity))

    def delete(self, inputs: ProjectInputs) -> None:
        lxd = self.lxd()
        found = lxd.get("projects", inputs.name)
        if found is not None:
            refuse_foreign("project", inputs.name, found, inputs.stack)
            lxd.delete("projects", inputs.name)


def _config(inputs: ProjectInputs) -> dict[str, str]:
    return {
        "features.images": "true",
        "features.profiles": "true",
        "features.storage.volumes": "true",
        # Networks cannot belong to a project here: bridges are the machine's.
        "features.networks": "false",
        MARK: inputs.stack,
    }


def _is_default(key: str) -> bool:
    """Newer daemons write out features that this one does not have."""
    return key.startswith("features.")


def _differs(found: Mapping[str, Any], config: Mapping[str, str]) -> bool:
    """A limit or a restriction that was added by hand would stop the next host."""
    return {
        key: value for key, value in found["config"].items() if key in config or not _is_default(key)
    } != config
