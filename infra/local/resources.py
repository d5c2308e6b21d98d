"""The provider's resources as the program sees them; what each property means is in provider/schema.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


class _Resource(pulumi.CustomResource):
    """A resource of the `lxd` provider; `outputs` are filled in by the engine."""

    kind: str
    outputs: tuple[str, ...] = ()

    def __init__(
        self, name: str, inputs: Mapping[str, Any], options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(f"lxd:index:{self.kind}", name, {**dict.fromkeys(self.outputs), **inputs}, options)


class Project(_Resource):
    kind = "Project"


class StoragePool(_Resource):
    kind = "StoragePool"


class Image(_Resource):
    kind = "Image"
    outputs = ("fingerprint",)
    fingerprint: pulumi.Output[str]


class Network(_Resource):
    kind = "Network"


class Instance(_Resource):
    kind = "Instance"
    outputs = ("sshHostKey",)
    sshHostKey: pulumi.Output[str]


class Volume(_Resource):
    kind = "Volume"
    outputs = ("device", "link")
    device: pulumi.Output[str]
    link: pulumi.Output[str]


class VolumeAttachment(_Resource):
    kind = "VolumeAttachment"
