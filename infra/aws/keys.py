"""The keys of an environment: one for roots, volumes and photos, one for backups, one for alarms."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.aws.policy_document import policy_document

#: How long the deletion of a key can be cancelled, in days: the longest that KMS allows. All data is lost
#: with it.
CALL_BACK_DAYS = 30


class Keys(Component):
    """The policy of the keys of data is KMS's default (the account decides by IAM who may use them), and the
    CDN's.

    Backups have one of their own: whoever may read volumes and photos reads no backup, and the loss of one
    key does not lose the data and its copies. Alarms have one, too: they must report the loss of another.
    """

    def __init__(self, naming: Naming, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(naming, "Keys", options)
        #: The resources, for what must be deleted before its key.
        account = pulumi.Output.all(naming.partition(self).partition, naming.account_id(self))
        cdn = naming.settings.cdn == "cloudfront"
        self.data = self._key(
            "data",
            "Volumes and photos",
            policy=account.apply(lambda known: data_policy(*known, cdn=cdn)),
        )
        self.backups = self._key("backups", "Backups")
        self.data_key_arn: pulumi.Output[str] = self.data.arn
        self.backups_key_arn: pulumi.Output[str] = self.backups.arn
        self.alarms_key_arn: pulumi.Output[str] = self._key(
            "alarms",
            "Alarms on their way",
            # Nothing is stored under it: after a loss alarms are sent with another one.
            protect=False,
            policy=account.apply(lambda known: alarms_policy(*known)),
        ).arn
        self.register_outputs(
            {
                "dataKeyArn": self.data_key_arn,
                "backupsKeyArn": self.backups_key_arn,
                "alarmsKeyArn": self.alarms_key_arn,
            }
        )

    def _key(
        self, name: str, what: str, *, protect: bool = True, policy: pulumi.Input[str] | None = None
    ) -> aws.kms.Key:
        naming = self.naming
        key = aws.kms.Key(
            naming.resource(name),
            description=f"{what} of flashtier's environment {naming.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=CALL_BACK_DAYS,
            policy=policy,
            tags=naming.tags(Name=naming.label(name), Tier="data"),
            # All that it encrypts is lost with it.
            opts=self.of(protect=protect),
        )
        aws.kms.Alias(
            naming.resource(name),
            name=f"alias/{naming.resource(name)}",
            target_key_id=key.key_id,
            opts=self.of(),
        )
        return key


def _account(partition: str, account: str) -> dict[str, Any]:
    """The account by IAM, as in KMS's default policy."""
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def data_policy(partition: str, account: str, *, cdn: bool) -> str:
    """The account by IAM and, with a CDN, CloudFront for the account's distributions, which reads photos.

    Not for the one distribution by its ARN: it needs the bucket, and the bucket is deleted before the key.
    Source: Amazon CloudFront developer guide, "Restrict access to an Amazon S3 origin", SSE-KMS.
    """
    reader = {
        "Sid": "TheCdnReads",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:{partition}:cloudfront::{account}:distribution/*"}},
    }
    return json.dumps(policy_document(_account(partition, account), *((reader,) if cdn else ())))


def alarms_policy(partition: str, account: str) -> str:
    """The account by IAM, as KMS has it by default, and the services that publish to the topic.

    Source: Amazon SNS, "Enable compatibility between event sources from AWS services and encrypted topics".
    """
    use = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}
    return json.dumps(
        policy_document(
            _account(partition, account),
            {
                **use,
                "Sid": "CloudWatch",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
            # EventBridge names no source where it publishes to an encrypted topic: with a condition on
            # it, this would never apply, and no event would be reported.
            {**use, "Sid": "EventBridge", "Principal": {"Service": "events.amazonaws.com"}},
        )
    )
