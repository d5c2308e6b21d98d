"""moto, the stand-in as a plugin of Pulumi, and stacks of programs on them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from infra.paths import ROOT

HERE = Path(__file__).parent
VERSION = "7.51.1"
REGION = "eu-west-1"
#: Seconds that moto takes to start on a busy machine.
START_S = 60
#: A fixed name, so that the next run removes what a killed one left; each tree has its own.
BASE = Path(f"/var/tmp/flashtier-engine-tests/aws-{zlib.crc32(bytes(ROOT)):08x}")  # noqa: S108


@contextlib.contextmanager
def moto(log: Path) -> Iterator[str]:
    """A moto server on a free port of the loopback; yields its URL."""
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-u", str(HERE / "moto_server.py")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        timer = time.monotonic()
        assert server.stdout is not None
        line = server.stdout.readline()  # the server prints it once it listens, or ends
        assert line.strip().isdigit(), (
            f"moto did not start in {time.monotonic() - timer:.0f} s: {log.read_text()}"
        )
        yield f"http://127.0.0.1:{line.strip()}"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(timeout=10)


def install(home: Path) -> None:
    """Put the stand-in where Pulumi looks for the plugin of the SDK's version, so that Pulumi.yaml is as a
    user has it."""
    folder = home / "plugins" / f"resource-aws-v{VERSION}"
    folder.mkdir(parents=True)
    paths = f"{ROOT}:{HERE}"
    subprocess.run(
        [sys.executable, "-m", "standin.sdk", str(folder / "schema.json")],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        timeout=120,
    )
    program = folder / "pulumi-resource-aws"
    program.write_text(
        "#!/bin/sh\n# A stand-in for the tests, not the provider of AWS: tests/engine/aws/standin.\n"
        f'PYTHONPATH={paths} exec {sys.executable} -u -m standin "{folder}"\n'
    )
    program.chmod(0o755)


class Stack:
    """One stack of a program on the real CLI. `config` is written before each run."""

    def __init__(
        self, base: Path, program: Path, name: str, endpoint: str, home: Path, *, init: bool = True
    ) -> None:
        self.base, self.program, self.name = base, program, name
        self.endpoint = endpoint
        base.mkdir(parents=True, exist_ok=True)
        (base / "state").mkdir(exist_ok=True)
        self.file = base / f"Pulumi.{name}.yaml"
        self.config: dict[str, Any] = {"aws:region": REGION}
        self.seconds: dict[str, float] = {}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_"))}
        self.variables = {
            **kept,
            **credentials(endpoint),
            "AWS_STANDIN_RECORDS": str(base / "records"),
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{base}/state",
            "PULUMI_CONFIG_PASSPHRASE": "of no use elsewhere",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if init:  # it writes Pulumi.<name>.yaml into the program's folder
            self.must("stack", "init", name)

    def run(self, *arguments: str, seconds: float = 300, **faults: Any) -> subprocess.CompletedProcess[str]:
        """`faults` go to the stand-in: FULL, FAIL and SLOW of server.py."""
        reads = arguments[0] in ("up", "preview", "destroy", "refresh")
        if reads:
            read = yaml.safe_load(self.file.read_text()) or {} if self.file.exists() else {}
            read["config"] = {**read.get("config", {}), **self.config}
            self.file.write_text(yaml.safe_dump(read))
        command = ["pulumi", "--non-interactive", "--color=never", *arguments]
        if arguments[:2] != ("stack", "init"):
            command += ["-s", self.name]
        if reads:
            command += ["--config-file", str(self.file)]
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.program,
            env={**self.variables, **{f"AWS_STANDIN_{k}": json.dumps(v) for k, v in faults.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        self.seconds[arguments[0]] = time.monotonic() - started
        return done

    def must(self, *arguments: str, **faults: Any) -> str:
        done = self.run(*arguments, **faults)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self, *arguments: str, **faults: Any) -> str:
        return self.must("up", "--yes", "--skip-preview", *arguments, **faults)

    def refused(self, *arguments: str, **faults: Any) -> str:
        """The output of a run that has to fail."""
        done = self.run(*arguments, **faults)
        assert done.returncode != 0, done.stdout
        return done.stdout

    def resources(self) -> list[dict[str, Any]]:
        deployment = json.loads(self.must("stack", "export"))["deployment"]
        return [
            one
            for one in deployment.get("resources", [])
            if one.get("custom") and "::pulumi:" not in one["urn"]
        ]

    def outputs(self, name: str) -> dict[str, Any]:
        """The recorded outputs of the resource with that name (the URN's last part, or TYPE::NAME)."""
        found = [one for one in self.resources() if one["urn"].endswith(f":{name}")]
        assert len(found) == 1, [one["urn"] for one in found]
        return {**found[0]["outputs"], "id": found[0]["id"]}


def credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def client(endpoint: str, service: str, region: str = REGION) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
        config=Config(connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"}),
    )


#: What the list of an account has: service, operation, where the objects are, and their names.
_LISTS = (
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("ec2", "describe_volumes", "Volumes", "VolumeId"),
    ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    ("ec2", "describe_key_pairs", "KeyPairs", "KeyName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("events", "list_rules", "Rules", "Name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
)


def account(endpoint: str, region: str = REGION) -> set[str]:
    """All that the account holds, listed with boto3 and not with the stand-in."""
    found = set()
    for service, operation, where, name in _LISTS:
        for one in getattr(client(endpoint, service, region), operation)()[where]:
            if str(one.get("State", "")).lower() not in ("deleted", "deleting"):
                found.add(f"{where} {one[name]}")
    ec2 = client(endpoint, "ec2", region)
    for reservation in ec2.describe_instances()["Reservations"]:
        found |= {
            f"Instances {i['InstanceId']}"
            for i in reservation["Instances"]
            if i["State"]["Name"] != "terminated"
        }
    kms = client(endpoint, "kms", region)
    for key in kms.list_keys()["Keys"]:
        if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            found.add(f"Keys {key['KeyId']}")
    policies = client(endpoint, "iam", region).list_policies(Scope="Local")["Policies"]
    found |= {f"Policies {one['Arn']}" for one in policies}
    cdn = client(endpoint, "cloudfront").list_distributions()["DistributionList"]
    found |= {f"Distributions {one['Id']}" for one in cdn.get("Items", [])}
    wafs = client(endpoint, "wafv2", region).list_web_acls(Scope="REGIONAL")["WebACLs"]
    return found | {f"WebACLs {one['Name']}" for one in wafs}


_LINE = r"^ *\S+ +(aws:\S+|ec2console:\S+) (\S+) (%s)\b"


def changed(text: str) -> dict[str, str]:
    """What a run did, by the resource's name."""
    found = re.findall(_LINE % "created|updated|replaced|deleted", text, re.MULTILINE)
    replaced = {name for _, name, what in found if what == "replaced"}  # it is created and deleted as well
    return {name: "replaced" if name in replaced else what for _, name, what in found}


def counts(text: str) -> dict[str, int]:
    """The run's own summary: created, updated, replaced, deleted, unchanged."""
    return {what: int(number) for number, what in re.findall(r"^ +\S? ?(\d+) (\w+)", text, re.MULTILINE)}


def fresh(base: Path) -> Path:
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    return base
