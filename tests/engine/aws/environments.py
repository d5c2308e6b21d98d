"""The kit's own environments of AWS on the stand-in: what Pulumi.<name>.yaml declares, with moto's images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from infra.aws.preflight.public_dns import VARIABLE
from infra.contract import Contract
from infra.paths import ROOT
from tests.engine.aws.cloud import Stack, client


def _tree(folder: Path) -> Path:
    """The tree without the stacks' files: `pulumi stack output` and others write a salt there."""
    folder.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if not entry.match("Pulumi.*.yaml"):
            (folder / entry.name).symlink_to(entry)
    return folder


class Environment(Stack):
    """One stack of the kit's program, judged by the policy pack as a user's is.

    The declaration is a copy, in which the images are those of moto: the kit's are pinned by
    `flashtier image`. Data on instance store is accepted, which the preview refuses as it is committed. All
    else is as it is committed. `resolver` answers in place of public DNS.
    """

    def __init__(self, base: Path, name: str, endpoint: str, home: Path, resolver: str) -> None:
        super().__init__(base, _tree(base / "tree"), name, endpoint, home, init=False)
        committed = ROOT / f"Pulumi.{name}.yaml"
        before = committed.read_text()
        self.config = yaml.safe_load(before)["config"]
        self.declared = self.config["flashtier:environment"]
        self.cloud = self.declared["aws"]
        self.region: str = self.cloud["region"]
        images = client(endpoint, "ec2", self.region).describe_images(Owners=["amazon"])["Images"]
        self.cloud["images"] = {one["Architecture"]: one["ImageId"] for one in images}
        if "instance-store" in str(self.declared["database"]["volumes"]):
            self.declared["database"]["accept_single_copy"] = True
        self._hosted_zone()
        self.variables |= {
            VARIABLE: resolver,
            "FLASHTIER_STATE": str(base / "kept"),
            "FLASHTIER_CONFIG_FILE": str(self.file),
            "PULUMI_OPTION_POLICY_PACK": str(ROOT / "policy"),  # as tools/env.sh has it
        }
        self.file.write_text(yaml.safe_dump({"config": self.config}))
        # Not `pulumi stack init`, which would write the salt into the tree's Pulumi.<name>.yaml.
        subprocess.run(
            [Path(sys.executable).parent / "flashtier", "secrets", "-s", name],
            cwd=ROOT,
            env={**self.variables, "PATH": os.environ["PATH"]},
            check=True,
            timeout=120,
        )
        assert committed.read_text() == before, "the stack's salt is in the tree's file"

    def _hosted_zone(self) -> None:
        """The zone that an owner has before the environment."""
        route53 = client(self.endpoint, "route53")
        name = f"{self.cloud['domain']['zone']}."
        if name not in {zone["Name"] for zone in route53.list_hosted_zones()["HostedZones"]}:
            route53.create_hosted_zone(Name=name, CallerReference=name)

    def contract(self) -> Contract:
        return Contract.from_json(self.must("stack", "output", "contract", "--json"))

    def locked(self) -> set[str]:
        """The hosts that AWS itself does not terminate, asked with boto3."""
        ec2 = client(self.endpoint, "ec2", self.region)
        return {
            host.name
            for host in self.contract().hosts
            if ec2.describe_instance_attribute(
                InstanceId=host.instance_id, Attribute="disableApiTermination"
            )["DisableApiTermination"]["Value"]
        }

    def destroy(self) -> None:
        """What is left to do once `deletion_protection` is false and up: docs/tasks/deploy-to-aws.md.

        The locks of hosts whose drives a stop erases are lifted by hand, then those of Pulumi.
        """
        ec2 = client(self.endpoint, "ec2", self.region)
        for host in self.contract().hosts:
            if any(volume.volume_class == "instance-store" for volume in host.volumes):
                for lock in ("DisableApiTermination", "DisableApiStop"):
                    ec2.modify_instance_attribute(InstanceId=host.instance_id, **{lock: {"Value": False}})
        self.must("state", "unprotect", "--all", "--yes")
        self.must("destroy", "--yes", "--skip-preview")
