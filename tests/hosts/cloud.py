"""Asks AWS what only AWS knows of a stack, through the AWS CLI and the operator's own credentials.

SSH to the hosts goes through the same CLI, so that it is there. Nothing here changes anything, but that a
photo of verification is removed again.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.request import getproxies

import pytest
import requests

#: Seconds: for a connection, for bytes on it, and for a call with the CLI's own start and its retries.
CONNECT, READ, DEADLINE = 10, 20, 60


class Cloud:
    """AWS in one region. An answer is what the API gives, as its model names it; the CLI turns the pages."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._kept: dict[str, Any] = {}

    def anonymous(self) -> requests.Session:
        """Asks as anyone on the internet does: without credentials."""
        session = requests.Session()
        session.trust_env = False  # no credentials from ~/.netrc
        session.proxies = getproxies()
        return session

    def ask(self, service: str, operation: str, **parameters: Any) -> Any:
        """What `aws <service> <operation>` answers; a call that fails fails the test with AWS's reason."""
        done = self._call(service, operation, parameters)
        if done.returncode:
            pytest.fail(f"aws {service} {operation}: {_reason(done.stderr)}", pytrace=False)
        return json.loads(done.stdout.strip() or "{}")

    def refusal(self, service: str, operation: str, **parameters: Any) -> str:
        """Why AWS refuses the call; "" where it does not."""
        done = self._call(service, operation, parameters)
        return _reason(done.stderr) if done.returncode else ""

    def _call(
        self, service: str, operation: str, parameters: dict[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        command = [
            "aws", service, operation, "--region", self.region, "--output", "json", "--no-cli-pager",
            "--cli-connect-timeout", str(CONNECT), "--cli-read-timeout", str(READ),
            "--cli-input-json", json.dumps(parameters),
        ]  # fmt: skip
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.fail(f"aws {service} {operation}: {error}", pytrace=False)

    def once(self, service: str, operation: str, **parameters: Any) -> Any:
        """As `ask`, and the same call is made once a run."""
        key = json.dumps([service, operation, parameters], sort_keys=True)
        if key not in self._kept:
            self._kept[key] = self.ask(service, operation, **parameters)
        return self._kept[key]

    def endpoint(self, endpoint_id: str) -> Any:
        """The EC2 Instance Connect Endpoint of that id."""
        found = self.once(
            "ec2", "describe-instance-connect-endpoints", InstanceConnectEndpointIds=[endpoint_id]
        )
        return found["InstanceConnectEndpoints"][0]

    def networks(self, subnet_ids: list[str]) -> list[str]:
        """The ranges of subnets, in order."""
        found = self.once("ec2", "describe-subnets", SubnetIds=sorted(subnet_ids))
        return sorted(subnet["CidrBlock"] for subnet in found["Subnets"])

    def volumes(self, volume_ids: list[str]) -> dict[str, Any]:
        found = self.once("ec2", "describe-volumes", VolumeIds=sorted(volume_ids))
        return {volume["VolumeId"]: volume for volume in found["Volumes"]}

    def sizes(self, types: list[str]) -> dict[str, tuple[int, int]]:
        """vCPUs and MiB of memory of instance types."""
        found = self.once("ec2", "describe-instance-types", InstanceTypes=types)
        return {
            one["InstanceType"]: (one["VCpuInfo"]["DefaultVCpus"], one["MemoryInfo"]["SizeInMiB"])
            for one in found["InstanceTypes"]
        }

    def balancers(self, vpc_id: str) -> list[Any]:
        """The load balancers in a network."""
        found = self.once("elbv2", "describe-load-balancers")
        return [one for one in found["LoadBalancers"] if one["VpcId"] == vpc_id]

    def targets(self, balancer_arn: str) -> list[Any]:
        """What a load balancer sends requests to, with its health as the balancer sees it."""
        groups = self.once("elbv2", "describe-target-groups", LoadBalancerArn=balancer_arn)["TargetGroups"]
        return [
            target
            for group in groups
            for target in self.once(
                "elbv2", "describe-target-health", TargetGroupArn=group["TargetGroupArn"]
            )["TargetHealthDescriptions"]
        ]


def _reason(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")
