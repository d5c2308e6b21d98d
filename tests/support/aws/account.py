"""An account of AWS in moto, a simulation, and public DNS: what the tests of preflight ask and change."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.ec2.models import ec2_backends

from infra import topology
from infra.aws.preflight import account
from tests.engine.aws.name_server import Failure
from tests.support.aws_environments import parsed

REGION = "us-east-1"
#: The account that moto plays, and whose images the environments take here.
OWN = "123456789012"


#: What public DNS answers, by name and type; a test changes it. "SERVFAIL" is what a resolver says of a
#: delegation that leads nowhere.
PUBLIC: dict[tuple[str, str], list[str]] = {}


def answer(name: str, kind: str) -> list[str] | None:
    found = PUBLIC.get((name, kind))
    if found == ["SERVFAIL"]:
        raise Failure
    return found or ([] if any(known == name for known, _ in PUBLIC) else None)


def zone(name: str, **more: Any) -> str:
    """A hosted zone, delegated to where it is public."""
    route53 = boto3.client("route53")
    reference = f"{name} {len(route53.list_hosted_zones()['HostedZones'])}"
    made = route53.create_hosted_zone(Name=name, CallerReference=reference, **more)
    if "VPC" not in more:
        PUBLIC[name, "NS"] = [f"{one}." for one in made["DelegationSet"]["NameServers"]]
    return str(made["HostedZone"]["Id"])


def image(ec2: Any, architecture: str, state: str = "available", root: str = "/dev/xvda") -> str:
    made: str = ec2.register_image(Name=architecture, RootDeviceName=root)["ImageId"]
    its = ec2_backends[OWN][REGION].amis[made]
    # moto keeps none of them.
    its.architecture, its.state, its.root_device_name = architecture, state, root
    return made


def images(ec2: Any) -> dict[str, str]:
    return {architecture: image(ec2, architecture) for architecture in ("arm64", "x86_64")}


def seen(stack: str = "dev", **values: Any) -> account.Findings:
    environment = parsed(stack, **{"aws__image_owner": OWN, **values})
    return account.ask(topology.build(stack, environment), environment)


def faults(stack: str = "dev", **values: Any) -> tuple[str, ...]:
    return seen(stack, **values).faults


def refused(code: str) -> Any:
    """What boto3 does where AWS answers with an error."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Describe")

    return refuse
