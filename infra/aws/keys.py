"""The key that encrypts what an environment keeps: roots, volumes, photos and backups."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming

#: How long a deleted key can be called back, in days: the longest that KMS knows. With it goes all data.
CALL_BACK_DAYS = 30


class Keys(Component):
    """The key's own policy is KMS's default: the account decides by IAM who may use it."""

    data_key_arn: pulumi.Output[str]

    def __init__(self, naming: Naming, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(naming, "Keys", options)
        key = aws.kms.Key(
            naming.resource("data"),
            description=f"Volumes, photos and backups of flashtier's environment {naming.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=CALL_BACK_DAYS,
            tags=naming.tags(Name=naming.label("data"), Tier="data"),
            opts=self.of(),
        )
        aws.kms.Alias(
            naming.resource("data"),
            name=f"alias/{naming.resource('data')}",
            target_key_id=key.key_id,
            opts=self.of(),
        )
        self.data_key_arn = key.arn
        self.register_outputs({"dataKeyArn": key.arn})
