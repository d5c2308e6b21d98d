"""What the hosts of a tier may do on AWS, as the role of their instances: least, and by resource."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.keys import Keys
from infra.aws.naming import Component, Naming
from infra.aws.policy_document import policy_document
from infra.aws.storage_buckets import Buckets
from infra.environment import Tier


def trust(suffix: str) -> str:
    """EC2, by the name that it has in the partition, may give the role to an instance."""
    return json.dumps(
        policy_document(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": f"ec2.{suffix}"},
            }
        )
    )


#: Objects of the tier's bucket: what it does with them. No tier may remove a version or change a bucket.
OBJECTS: dict[Tier, tuple[str, ...]] = {
    "web": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    "database": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    "control": (),
}


class Roles(Component):
    """A role and an instance profile a tier; control hosts have one that allows nothing."""

    def __init__(
        self, naming: Naming, buckets: Buckets, keys: Keys, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(naming, "Roles", options)
        arns: dict[Tier, pulumi.Output[str]] = {"web": buckets.photos_arn, "database": buckets.backups_arn}
        opened_with = {"web": keys.data_key_arn, "database": keys.backups_key_arn}
        self._trust = naming.partition(self).dns_suffix.apply(trust)
        self._profiles = {tier: self._role(tier, arns.get(tier), opened_with.get(tier)) for tier in OBJECTS}
        self.register_outputs({})

    def instance_profile(self, tier: Tier) -> pulumi.Output[str]:
        """Name of the tier's instance profile."""
        return self._profiles[tier]

    def _role(
        self, tier: Tier, bucket: pulumi.Output[str] | None, key: pulumi.Output[str] | None
    ) -> pulumi.Output[str]:
        name = self.naming.resource(tier)
        tags = self.naming.tags(Name=self.naming.label(tier), Tier=tier)
        role = aws.iam.Role(
            name,
            name=name,
            description=f"The {tier} hosts of flashtier's environment {self.naming.stack}",
            assume_role_policy=self._trust,
            permissions_boundary=self.naming.boundary(self),
            tags=tags,
            opts=self.of(),
        )
        profile = aws.iam.InstanceProfile(name, name=name, role=role.name, tags=tags, opts=self.of())
        if bucket is None:
            return profile.name
        policy = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=pulumi.Output.all(bucket, key).apply(
                lambda known: json.dumps(document(tier, known[0], known[1]))
            ),
            opts=self.of(),
        )
        # A host that starts with the profile may do at once what its tier may.
        return pulumi.Output.all(profile.name, policy.id).apply(lambda known: str(known[0]))


def document(tier: Tier, bucket: str, key: str) -> dict[str, Any]:
    """The tier's policy: its bucket's objects, the list of them, and the key through S3 only."""
    return policy_document(
        {"Effect": "Allow", "Action": list(OBJECTS[tier]), "Resource": f"{bucket}/*"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket},
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key,
            "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
        },
    )
