"""Names and tags of everything that an environment has on AWS, and what its components are built on."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.environment import Environment
from infra.environment.aws import Aws
from infra.errors import EnvironmentInvalid

PROJECT = "flashtier"

#: The tightest name is a target group's: 32 characters, of which Pulumi takes 8 to tell a replacement from
#: what it replaces. Source: Elastic Load Balancing API, CreateTargetGroup, Name.
LONGEST_STACK = 32 - 8 - len(f"{PROJECT}--web")


class Naming:
    """How an operator finds the resources of a stack in an account that holds others, too.

    Raises `EnvironmentInvalid` for a stack whose name does not fit the names of AWS.
    """

    def __init__(self, stack: str, environment: Environment) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]|[a-z]", stack) or len(stack) > LONGEST_STACK:
            raise EnvironmentInvalid(
                [
                    f"stack = {stack}: goes into names of AWS; take a-z, 0-9 and '-' between them, "
                    f"at most {LONGEST_STACK} characters"
                ]
            )
        self.stack = stack
        self.environment = environment
        #: Set by the platform: the provider with the environment's region and tags, for every component.
        self.provider: pulumi.ProviderResource | None = None
        #: Set by the platform: what is called with each error of AWS, for every resource.
        self.on_error: pulumi.ErrorHook | None = None
        self._account_id: pulumi.Output[str] | None = None
        self._partition: pulumi.Output[aws.GetPartitionResult] | None = None

    @property
    def settings(self) -> Aws:
        """`aws` of the environment, which its model wants for this platform."""
        assert self.environment.aws is not None  # noqa: S101 - see above
        return self.environment.aws

    def account_id(self, asking: pulumi.Resource) -> pulumi.Output[str]:
        """The account's number. AWS is asked once, with the provider of the component that asks first."""
        if self._account_id is None:
            options = pulumi.InvokeOptions(parent=asking)
            self._account_id = aws.get_caller_identity_output(opts=options).account_id
        return self._account_id

    def partition(self, asking: pulumi.Resource) -> pulumi.Output[aws.GetPartitionResult]:
        """The partition that the region is in: its name and DNS suffix. Asked once, as above."""
        if self._partition is None:
            self._partition = aws.get_partition_output(opts=pulumi.InvokeOptions(parent=asking))
        return self._partition

    def boundary(self, asking: pulumi.Resource) -> pulumi.Output[str] | None:
        """ARN of the policy that limits every role, None where the environment declares none."""
        name = self.settings.permissions_boundary
        if name is None:
            return None
        partition = self.partition(asking).partition
        return pulumi.Output.format("arn:{0}:iam::{1}:policy/{2}", partition, self.account_id(asking), name)

    def resource(self, *parts: str) -> str:
        """The name of a resource in Pulumi and, where AWS wants one, on AWS: `flashtier-<stack>-<parts>`."""
        return "-".join((PROJECT, self.stack, *parts))

    def label(self, *parts: str) -> str:
        """The tag Name, which the console shows: `<stack>-<parts>`."""
        return "-".join((self.stack, *parts))

    def tags(self, **extra: str) -> dict[str, str]:
        """The tags of a resource. The provider has them as defaults, too, which no policy would see."""
        return {
            "Project": PROJECT,
            "ManagedBy": PROJECT,
            "Environment": self.stack,
            "Owner": self.settings.owner,
            "CostCenter": self.settings.cost_center,
            **extra,
        }


class Component(pulumi.ComponentResource):
    """A part of an environment: its resources lie under it in the stack's tree."""

    def __init__(self, naming: Naming, kind: str, options: pulumi.ResourceOptions | None = None) -> None:
        if naming.provider:
            given = pulumi.ResourceOptions(providers=[naming.provider])
            options = pulumi.ResourceOptions.merge(given, options)
        super().__init__(f"{PROJECT}:aws:{kind}", naming.resource(kind.lower()), None, options)
        self.naming = naming

    def of(self, **options: Any) -> pulumi.ResourceOptions:  # noqa: ANN401 - the SDK checks them
        """The options of a resource of this component."""
        hook = self.naming.on_error
        hooks = pulumi.ResourceHookBinding(on_error=[hook]) if hook else None
        return pulumi.ResourceOptions(parent=self, hooks=hooks, **options)
