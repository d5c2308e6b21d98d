"""Guards against losing data: hosts whose drives a stop erases, the keys and the buckets.

Each guard closes another way: Pulumi's `protect` guards against this program, EC2's attributes against the
API and the console, the policy `keep-data` against whoever may change the attributes. The break-glass role is
the one way that stays open, on purpose: docs/decisions/guards-on-aws.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.keep_data import Guarded, allowed, denied, trust
from infra.aws.keys import Keys
from infra.aws.naming import Component, Naming
from infra.aws.storage_buckets import Buckets
from infra.topology import Host

_SESSION_S = 3600


@dataclass(frozen=True)
class Guards:
    """`protect` is Pulumi's, the others are properties of the instance."""

    protect: bool = False
    disable_api_termination: bool = False
    disable_api_stop: bool = False
    #: EC2's recovery starts the host elsewhere with blank drives, without asking.
    no_auto_recovery: bool = False


def erased_by_stop(host: Host) -> bool:
    """Whether the host has drives that lose their content when it stops."""
    return any(volume.volume_class == "instance-store" for volume in host.volumes)


def guards(host: Host, deletion_protection: bool) -> Guards:
    """All guards for a host whose drives a stop erases. Volumes of other hosts outlive the host, so those
    have what is declared; but an update of something else never replaces a database member
    (policy/rules/protection.py)."""
    if erased_by_stop(host):
        return Guards(True, True, True, True)
    return Guards(
        protect=host.tier == "database", disable_api_termination=deletion_protection and bool(host.volumes)
    )


class KeepData(Component):
    """The policy that denies what loses data, and the role that alone is exempt from it.

    A policy denies nothing until it is attached: an administrator attaches `policy` to the people and
    pipelines of the account, or uses its text as a service control policy.
    """

    def __init__(self, naming: Naming, keys: Keys, buckets: Buckets) -> None:
        super().__init__(naming, "KeepData")
        region = aws.get_region_output(opts=pulumi.InvokeOptions(parent=self)).region
        guarded = pulumi.Output.all(
            account=naming.account_id(self),
            partition=naming.partition(self).partition,
            region=region,
            keys=[keys.data_key_arn, keys.backups_key_arn],
            buckets=[buckets.photos_arn, buckets.backups_arn],
        ).apply(lambda known: Guarded(stack=naming.stack, **known))
        name, policy_name = naming.resource("break-glass"), naming.resource("keep-data")
        self.role = aws.iam.Role(
            name,
            name=name,
            description="Stops, terminates or changes what holds data. Its use means that data may be lost.",
            max_session_duration=_SESSION_S,
            assume_role_policy=guarded.apply(
                lambda known: json.dumps(trust(known, naming.settings.break_glass_roles))
            ),
            permissions_boundary=naming.boundary(self),
            tags=naming.tags(Name=naming.label("break-glass"), Tier="database"),
            opts=self.of(),
        )
        aws.iam.RolePolicy(
            name,
            role=self.role.name,
            policy=guarded.apply(lambda known: json.dumps(allowed(known))),
            opts=self.of(),
        )
        self.policy = aws.iam.Policy(
            policy_name,
            name=policy_name,
            description="Denies what loses data of the environment to all but the break-glass role.",
            policy=pulumi.Output.all(guarded, self.role.arn).apply(
                lambda known: json.dumps(denied(known[0], known[1], policy_name))
            ),
            tags=naming.tags(Name=naming.label("keep-data"), Tier="database"),
            opts=self.of(),
        )
        self.register_outputs({"policy": self.policy.arn, "role": self.role.arn})
