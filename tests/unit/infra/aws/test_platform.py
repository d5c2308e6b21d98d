"""The whole of an environment on AWS, from its declaration to what the contract gets to know."""

from __future__ import annotations

import subprocess
import sys

import pulumi
import pytest

from infra import program
from infra.aws.platform import AwsPlatform
from infra.paths import ROOT
from tests.support.aws.whole import KEY, whole
from tests.support.aws_environments import STACKS


@pytest.fixture(scope="module")
def made():
    return {stack: whole(stack) for stack in STACKS}


@pytest.mark.parametrize("stack", STACKS)
def test_every_host_is_in_the_contract_with_what_only_the_cloud_knows(made, stack):
    hosts, _, deployed = made[stack]
    assert [host.name for host in deployed.hosts] == [host.name for host in hosts.hosts]
    for declared, host in zip(hosts.hosts, deployed.hosts, strict=True):
        assert host.instance_id == f"flashtier-{stack}-{host.name}-id"
        assert host.ssh_host_key == KEY
        assert [volume.name for volume in host.volumes] == [volume.name for volume in declared.volumes]
        assert all(volume.nvme for volume in host.volumes)


@pytest.mark.parametrize("stack", STACKS)
def test_every_host_has_an_instance_and_its_ssh_key_is_read_from_it(made, stack):
    hosts, recorded, _ = made[stack]
    names = {f"flashtier-{stack}-{host.name}" for host in hosts.hosts}
    assert {one.name for one in recorded.of("aws:ec2/instance:Instance")} == names
    keys = recorded.of("ec2console:index:SshHostKey")
    assert {key.inputs["instanceId"] for key in keys} == {f"{name}-id" for name in names}


@pytest.mark.parametrize("stack", STACKS)
def test_operators_come_through_the_endpoint_and_clients_through_the_load_balancer(made, stack):
    _, recorded, deployed = made[stack]
    access = [
        one for one in recorded.of("aws:ec2/subnet:Subnet") if one.inputs["cidrBlock"] == deployed.controller
    ]
    assert len(access) == 1
    [endpoint] = recorded.of("InstanceConnectEndpoint")
    assert deployed.access.proxy.endpoint_id == endpoint.id
    balancer = recorded.one("LoadBalancer")
    assert len(deployed.edge_networks) == len(balancer.inputs["subnets"])
    assert deployed.url.startswith("https://")


@pytest.mark.parametrize("stack", STACKS)
def test_photos_and_backups_lie_in_buckets_of_the_partition(made, stack):
    _, _, deployed = made[stack]
    assert deployed.object_store.bucket == f"flashtier-{stack}-photos-1"
    assert (deployed.object_store.credentials, deployed.object_store.ca) == ("instance-profile", "system")
    assert deployed.object_store.endpoint.endswith(".amazonaws.com")
    assert deployed.backups.bucket == f"flashtier-{stack}-backups-1"


def test_everything_goes_through_the_provider_with_the_environments_region(made):
    _, recorded, _ = made["prod"]
    for one in recorded.resources:
        if one.type.startswith("aws:"):
            assert one.options.provider, one.name


def test_more_hosts_ask_aws_no_more(made):
    """What a preview waits for are calls to AWS: their number does not grow with the number of hosts."""
    calls = {stack: len(whole(stack, aws__cdn="none").recorded.invokes) for stack in STACKS}
    hosts = {stack: len(made[stack].hosts.hosts) for stack in STACKS}
    assert hosts["prod"] > 2 * hosts["dev"]
    assert set(calls.values()) == {calls["dev"]}
    assert len(made["prod"].recorded.resources) > 150


def test_the_program_makes_this_platform_and_neither_pays_for_the_other():
    assert isinstance(program.PLATFORMS["aws"](), AwsPlatform)
    said = "import sys, infra.program; print({'pulumi_aws', 'boto3', 'pylxd'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert ran.stdout == "set()\n", ran.stderr


def test_nothing_is_an_output_that_a_preview_would_not_wait_for(made):
    assert not isinstance(made["dev"][2].url, pulumi.Output)
