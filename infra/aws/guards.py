"""What keeps a host whose drives a stop erases from being stopped, ended or replaced.

Each guard is on another way: Pulumi's protect against this program, EC2's attributes against the API and the
console, the policy against whoever may change the attributes. docs/decisions/guards-on-aws.md says which way
stays open: the break-glass role, on purpose and by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.aws.policy_document import policy_document
from infra.topology import Host

#: What erases drives or takes a volume away, and what lifts the guard against it.
FATAL = (
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMaintenanceOptions",
    "ec2:DeleteVolume",
)
#: The tags by which the policy knows its resources; whoever changes them goes around it.
TELLING_TAGS = ("Tier", "Environment")
_SESSION_S = 3600


@dataclass(frozen=True)
class Guards:
    """`protect` is Pulumi's, the others are properties of the instance."""

    protect: bool = False
    disable_api_termination: bool = False
    disable_api_stop: bool = False
    #: EC2's recovery starts the host elsewhere, with blank drives, before anybody is asked.
    no_auto_recovery: bool = False


def erased_by_stop(host: Host) -> bool:
    """Whether the host has drives that lose their content when it stops."""
    return any(volume.volume_class == "instance-store" for volume in host.volumes)


def guards(host: Host, deletion_protection: bool) -> Guards:
    """All for drives that a stop erases. Other hosts' volumes outlive them, so only what is chosen; but no
    member of the database goes by an update of something else (policy/rules/protection.py)."""
    if erased_by_stop(host):
        return Guards(True, True, True, True)
    return Guards(
        protect=host.tier == "database", disable_api_termination=deletion_protection and bool(host.volumes)
    )


class KeepData(Component):
    """The policy that denies what is fatal to the database tier, and the role that alone it lets through.

    A policy denies nothing until it is attached: an administrator attaches `policy` to the people and
    pipelines of the account, or takes its text for a service control policy.
    """

    def __init__(self, naming: Naming) -> None:
        super().__init__(naming, "KeepData")
        account, partition = naming.account_id(self), naming.partition(self).partition
        region = aws.get_region_output(opts=pulumi.InvokeOptions(parent=self)).region
        name = naming.resource("break-glass")
        where = pulumi.Output.all(account=account, partition=partition, region=region)
        self.role = aws.iam.Role(
            name,
            name=name,
            description="Stops, ends or changes database hosts. Its use means that data may be lost.",
            max_session_duration=_SESSION_S,
            assume_role_policy=where.apply(lambda at: json.dumps(_trust(at))),
            permissions_boundary=naming.boundary(self),
            tags=naming.tags(Name=naming.label("break-glass"), Tier="database"),
            opts=self.of(),
        )
        aws.iam.RolePolicy(
            name,
            role=self.role.name,
            policy=where.apply(lambda at: json.dumps(allowed(at, naming.stack))),
            opts=self.of(),
        )
        self.policy = aws.iam.Policy(
            naming.resource("keep-data"),
            name=naming.resource("keep-data"),
            description="Denies what erases the drives of database hosts to all but the break-glass role.",
            policy=pulumi.Output.all(where, self.role.arn).apply(
                lambda known: json.dumps(denied(known[0], naming.stack, known[1]))
            ),
            tags=naming.tags(Name=naming.label("keep-data"), Tier="database"),
            opts=self.of(),
        )
        self.register_outputs({"policy": self.policy.arn, "role": self.role.arn})


def denied(at: dict[str, str], stack: str, break_glass: str) -> dict[str, Any]:
    """The policy document; `at` has account, partition and region, `break_glass` is the role's ARN."""
    others = {"ArnNotEquals": {"aws:PrincipalArn": break_glass}}
    return policy_document(
        {
            "Sid": "KeepDrivesOfTheDatabase",
            "Effect": "Deny",
            "Action": list(FATAL),
            "Resource": _resources(at),
            "Condition": {**_of_database(stack), **others},
        },
        {
            "Sid": "KeepTheTagsThatTellThem",
            "Effect": "Deny",
            "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
            "Resource": _resources(at),
            "Condition": {
                **_of_database(stack),
                **others,
                "ForAnyValue:StringEquals": {"aws:TagKeys": list(TELLING_TAGS)},
            },
        },
    )


def allowed(at: dict[str, str], stack: str) -> dict[str, Any]:
    """What the break-glass role may do, and to which hosts."""
    return policy_document(
        {
            "Effect": "Allow",
            "Action": list(FATAL),
            "Resource": _resources(at),
            "Condition": _of_database(stack),
        }
    )


def _trust(at: dict[str, str]) -> dict[str, Any]:
    """Whoever of the account may assume roles, with a second factor."""
    return policy_document(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:{at['partition']}:iam::{at['account']}:root"},
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
    )


def _of_database(stack: str) -> dict[str, Any]:
    return {"StringEquals": {"aws:ResourceTag/Tier": "database", "aws:ResourceTag/Environment": stack}}


def _resources(at: dict[str, str]) -> list[str]:
    prefix = f"arn:{at['partition']}:ec2:{at['region']}:{at['account']}"
    return [f"{prefix}:instance/*", f"{prefix}:volume/*"]
