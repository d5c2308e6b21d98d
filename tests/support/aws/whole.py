"""An environment on AWS as the whole platform declares it, on mocks: recorded once for all tests."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any, NamedTuple

import pytest

from infra import topology
from infra.aws.platform import AwsPlatform
from infra.paths import public_key
from tests.support.aws import mocks
from tests.support.aws.hosts import IMAGES
from tests.support.aws.network_parts import OUTPUTS
from tests.support.aws_environments import parsed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


class Whole(NamedTuple):
    hosts: topology.Topology
    recorded: mocks.Recording
    deployed: Any


@cache
def whole(stack: str, *, declared: str | None = None, **changes: Any) -> Whole:
    """The stack's own environment, or that of `declared`, with `changes` as `aws_environments.changed`."""
    environment = parsed(declared or stack, **{"aws__images": IMAGES, **changes})
    hosts = topology.build(stack, environment)
    with tempfile.TemporaryDirectory() as state, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASHTIER_STATE", state)
        public = public_key(stack)
        public.parent.mkdir(parents=True)
        public.write_text("ssh-ed25519 AAAA operator\n")
        recorded = mocks.run(
            lambda: AwsPlatform().deploy(hosts, environment),
            stack=stack,
            answers=mocks.ANSWERS,
            outputs={
                **OUTPUTS,
                "aws:kms/key:Key": lambda name, inputs: {"keyId": f"{name}-id"},
                "ec2console:index:SshHostKey": lambda name, inputs: {"sshHostKey": KEY},
                "aws:ec2/launchTemplate:LaunchTemplate": lambda name, inputs: {"latestVersion": 1},
            },
        )
        return Whole(hosts, recorded, recorded.result)
