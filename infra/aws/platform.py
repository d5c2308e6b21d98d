"""Platform `aws`: every component of an environment, in the order in which they need each other."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.access import Access as Way
from infra.aws.alarms import Alarms
from infra.aws.budget import Budget
from infra.aws.control import Control
from infra.aws.database import Database
from infra.aws.devices import contract_volumes
from infra.aws.edge.load_balancer import Edge
from infra.aws.groups import Groups
from infra.aws.guards import KeepData
from infra.aws.instances import Ground, Hosts
from infra.aws.keys import Keys
from infra.aws.naming import Naming
from infra.aws.network import Network
from infra.aws.preflight import account, limits
from infra.aws.preflight.notices import notices
from infra.aws.provider_errors import Advise
from infra.aws.roles import Roles
from infra.aws.ssh_host_key import SshHostKey
from infra.aws.storage_buckets import Buckets
from infra.aws.user_data import user_data
from infra.aws.web import Web
from infra.contract import Access, Backups, Deployed, DeployedHost, Ec2InstanceConnect, ObjectStore
from infra.environment import Environment, rules, subnets
from infra.environment.aws import Aws
from infra.paths import private_key, public_key
from infra.topology import Host, Topology


class AwsPlatform:
    """Implements `infra.platform.Platform` with pulumi-aws and, for SSH host keys, infra/aws/console."""

    def preflight(self, topology: Topology, environment: Environment) -> list[str]:
        unfit = rules.single_copy_fault(environment)
        if declared := [*limits.faults(environment), *([unfit] if unfit else [])]:
            return declared
        found = account.ask(topology, environment)
        assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
        topic = Naming(topology.stack, environment).resource("alarms")
        for line in (*found.warnings, *notices(topic, environment.aws)):
            pulumi.log.warn(line)
        return list(found.faults)

    def deploy(self, topology: Topology, environment: Environment) -> pulumi.Output[Deployed]:
        naming = Naming(topology.stack, environment)
        settings = naming.settings
        naming.provider = aws.Provider(
            naming.resource("aws"),
            region=settings.region,
            default_tags=aws.ProviderDefaultTagsArgs(tags=naming.tags()),
        )
        naming.on_error = pulumi.ErrorHook("aws-errors", Advise())
        access = Access(
            user=environment.access.user,
            authorized_keys=(public_key(topology.stack).read_text().strip(),),
            private_key_file=str(private_key(topology.stack)),
            proxy=None,
        )
        network = Network(naming, topology)
        groups = Groups(naming, network, topology)
        way = Way(naming, network, groups)
        keys = Keys(naming)
        buckets = Buckets(naming, keys)
        roles = Roles(naming, buckets, keys)
        ground = Ground(
            naming=naming,
            settings=settings,
            user_data=user_data(access),
            subnet_ids=network.subnet_ids,
            security_group=groups.id_of,
            instance_profile=roles.instance_profile,
            kms_key_arn=keys.data_key_arn,
        )
        tiers = (Web(ground, topology), Database(ground, topology), Control(ground, topology))
        KeepData(naming, keys, buckets)
        web = {name: instance.id for name, instance in tiers[0].instances.items()}
        edge = Edge(naming, network, groups, web)
        buckets.log_backups(edge.log)
        Alarms(
            naming,
            settings,
            keys.alarms_key_arn,
            network,
            edge,
            instances={name: instance for tier in tiers for name, instance in tier.instances.items()},
            volumes={name: volumes for tier in tiers for name, volumes in tier.volumes.items()},
            members=tuple(tiers[1].instances),
        )
        Budget(naming, settings)
        known = {
            "hosts": {host.name: _known(naming, settings, tiers, host) for host in topology.hosts},
            "endpoint": {"endpoint_id": way.proxy.endpoint_id, "dns_name": way.proxy.dns_name},
            "url": edge.url,
            "photos": buckets.photos,
            "cdn_url": buckets.cdn_url,
            "backups": buckets.backups,
            "key": keys.backups_key_arn,
            "suffix": naming.partition(network).dns_suffix,
        }
        return pulumi.Output.all(**known).apply(lambda made: _deployed(topology, settings, access, made))


def _known(
    naming: Naming, settings: Aws, tiers: tuple[Hosts, ...], host: Host
) -> pulumi.Output[dict[str, Any]]:
    """What is known of a host once it runs: its id, its volumes' ids and its SSH host key."""
    tier = next(tier for tier in tiers if host.name in tier.instances)
    instance = tier.instances[host.name]
    key = SshHostKey(
        naming.resource(host.name), instance.id, settings.region, pulumi.ResourceOptions(parent=tier)
    )
    volumes = {name: volume.id for name, volume in tier.volumes[host.name].items()}
    return pulumi.Output.all(instance=instance.id, key=key.sshHostKey, volumes=volumes)


def _deployed(topology: Topology, settings: Aws, access: Access, made: dict[str, Any]) -> Deployed:
    region = settings.region
    [way] = subnets.of_tier(topology.cidr, settings.zones, "access")
    return Deployed(
        controller=way.cidr,
        edge_networks=tuple(
            subnet.cidr for subnet in subnets.of_tier(topology.cidr, settings.zones, "public")
        ),
        url=made["url"],
        access=access.model_copy(update={"proxy": Ec2InstanceConnect(region=region, **made["endpoint"])}),
        hosts=tuple(_host(host, made["hosts"][host.name]) for host in topology.hosts),
        object_store=ObjectStore(
            endpoint=f"https://s3.{region}.{made['suffix']}",
            region=region,
            bucket=made["photos"],
            cdn_url=made["cdn_url"],
            credentials="instance-profile",
            ca="system",
        ),
        backups=Backups(bucket=made["backups"], region=region, kms_key_arn=made["key"]),
        unsupported=(),
    )


def _host(host: Host, made: dict[str, Any]) -> DeployedHost:
    return DeployedHost(
        name=host.name,
        instance_id=made["instance"],
        volumes=contract_volumes(host, made["volumes"]),
        ssh_host_key=made["key"],
    )
