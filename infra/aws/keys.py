"""The keys that encrypt what an environment keeps: one for roots, volumes and photos, one for backups."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming

#: How long a deleted key can be called back, in days: the longest that KMS knows. With it goes all data.
CALL_BACK_DAYS = 30


class Keys(Component):
    """A key's own policy is KMS's default: the account decides by IAM who may use it.

    Backups have one of their own: whoever may read volumes and photos reads no backup, and the loss of one
    key does not take the data and its copies.
    """

    def __init__(self, naming: Naming, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(naming, "Keys", options)
        self.data_key_arn = self._key("data", "Volumes and photos")
        self.backups_key_arn = self._key("backups", "Backups")
        self.register_outputs({"dataKeyArn": self.data_key_arn, "backupsKeyArn": self.backups_key_arn})

    def _key(self, name: str, what: str) -> pulumi.Output[str]:
        naming = self.naming
        key = aws.kms.Key(
            naming.resource(name),
            description=f"{what} of flashtier's environment {naming.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=CALL_BACK_DAYS,
            tags=naming.tags(Name=naming.label(name), Tier="data"),
            # All that it encrypts would be lost with it.
            opts=self.of(protect=True),
        )
        aws.kms.Alias(
            naming.resource(name),
            name=f"alias/{naming.resource(name)}",
            target_key_id=key.key_id,
            opts=self.of(),
        )
        return key.arn
