"""The resource of the plugin in infra/aws/console, as the program sees it."""

from __future__ import annotations

import pulumi


class SshHostKey(pulumi.CustomResource):
    """The key that the instance made at its first boot; known when it is up and can be logged in to."""

    sshHostKey: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        instance_id: pulumi.Input[str],
        region: pulumi.Input[str],
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "ec2console:index:SshHostKey",
            name,
            {"instanceId": instance_id, "region": region, "sshHostKey": None},
            options,
        )
