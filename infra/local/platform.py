"""Platform `local`: the hosts of an environment as LXD containers of one machine, with real block devices."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.contract import Access, ContractVolume, Deployed, DeployedHost, ObjectStore, Unsupported
from infra.environment import Environment
from infra.local import machine, names, resources
from infra.local.image import METADATA, ROOTFS, image_path
from infra.paths import private_key, public_key
from infra.topology import Host, HostVolume, Topology

_SHARED_KERNEL = "the hosts are containers and share the machine's kernel"
#: What the gateway calls itself and holds.
S3_REGION = "us-east-1"
S3_BUCKET = "photos"

UNSUPPORTED: tuple[tuple[Any, str], ...] = (
    ("vm_sysctl", f"{_SHARED_KERNEL}: vm.* settings exist once, for the whole machine"),
    ("io_scheduler", f"{_SHARED_KERNEL}: /sys/block is read-only in a host"),
    ("read_ahead", f"{_SHARED_KERNEL}: /sys/block is read-only in a host"),
    ("watchdog", "the hosts have no watchdog device: only a machine of its own can be reset by one"),
    ("set_clock", f"{_SHARED_KERNEL}: its clock is the machine's, and a host may not set it"),
)


class LocalPlatform:
    """Implements `infra.platform.Platform` with the provider in infra/local/provider."""

    def preflight(self, topology: Topology, environment: Environment) -> list[str]:
        return machine.faults(topology)

    def deploy(self, topology: Topology, environment: Environment) -> pulumi.Output[Deployed]:
        access = Access(
            user=environment.access.user,
            authorized_keys=(public_key(topology.stack).read_text().strip(),),
            private_key_file=str(private_key(topology.stack)),
            proxy=None,
        )
        base = _Base(topology)
        keys = {host.name: base.host(host, access) for host in topology.hosts}
        return pulumi.Output.all(**keys).apply(
            lambda known: Deployed(
                controller=topology.gateway,
                edge_networks=(),
                url=f"https://{topology.tier('edge')[0].address}",
                access=access,
                object_store=object_store(topology),
                backups=None,
                hosts=tuple(_deployed(host, known[host.name]) for host in topology.hosts),
                unsupported=tuple(
                    Unsupported(host=host.name, what=what, why=why)
                    for host in topology.hosts
                    for what, why in UNSUPPORTED
                ),
            )
        )


def object_store(topology: Topology) -> ObjectStore:
    """The S3 gateway of the stack, under the name that its certificate has."""
    flow = next(flow for flow in topology.flows if flow.port_name == "s3")
    return ObjectStore(
        endpoint=f"https://{flow.destination}.{topology.domain}:{flow.port}",
        region=S3_REGION,
        bucket=S3_BUCKET,
        cdn_url=None,
        credentials="keys",
        ca="project",
    )


class _Base:
    """What the hosts of a stack share, and how one is made on it."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        stack = {"stack": topology.stack}
        self.project = resources.Project(
            "project", {**stack, "name": names.project(topology.stack), "intact": True}
        )
        self.pool = resources.StoragePool(
            "pool", {**stack, "name": names.storage_pool(topology.stack), "driver": "dir", "intact": True}
        )
        built = image_path()
        self.image = resources.Image(
            "image",
            {
                **stack,
                "project": self.project.id,
                "recipe": built.name,
                "metadataFile": str(built / METADATA),
                "rootfsFile": str(built / ROOTFS),
            },
        )
        self.network = resources.Network(
            "network",
            {
                **stack,
                "name": names.bridge(topology.stack),
                "cidr": topology.cidr,
                "gateway": topology.gateway,
                "domain": topology.domain,
                "intact": True,
            },
        )

    def host(self, host: Host, access: Access) -> pulumi.Output[str]:
        """Declare a host with its volumes; its SSH host key."""
        volumes = {volume.name: self._volume(host, volume) for volume in host.volumes}
        instance = resources.Instance(
            host.name,
            {
                "stack": self.topology.stack,
                "project": self.project.id,
                "name": host.name,
                "image": self.image.fingerprint,
                "storagePool": self.pool.id,
                "network": self.network.id,
                "address": host.address,
                "vcpus": host.size.vcpus,
                "memoryMib": host.size.memory_mib,
                "user": access.user,
                "authorizedKeys": list(access.authorized_keys),
                "running": True,
                "intact": True,
            },
            pulumi.ResourceOptions(
                # A stopped host is started only when what it mounts is bound.
                depends_on=list(volumes.values()),
                # A new image is for new hosts; a living one gets its packages from Ansible.
                ignore_changes=["image"],
            ),
        )
        for volume in host.volumes:
            self._attachment(host, volume, volumes[volume.name], instance)
        return instance.sshHostKey

    def _volume(self, host: Host, volume: HostVolume) -> resources.Volume:
        stack = self.topology.stack
        return resources.Volume(
            f"{host.name}-{volume.name}",
            {
                "stack": stack,
                "host": host.name,
                "name": volume.name,
                "volumeClass": volume.volume_class,
                "sizeGib": volume.size_gib,
                "uuid": volume.uuid,
                "file": str(names.volume_file(stack, host.name, volume.name)),
                "link": str(names.volume_link(stack, host.name, volume.name)),
                "bound": True,
                "protected": volume.protected,
                "acceptBlank": volume.accept_blank,
            },
            pulumi.ResourceOptions(protect=volume.protected),
        )

    def _attachment(
        self, host: Host, volume: HostVolume, bound: resources.Volume, instance: resources.Instance
    ) -> None:
        stack = self.topology.stack
        resources.VolumeAttachment(
            f"{host.name}-{volume.name}",
            {
                "stack": stack,
                "project": self.project.id,
                "instance": host.name,
                "name": volume.name,
                "source": str(names.volume_link(stack, host.name, volume.name)),
                "device": bound.device,
                "attached": True,
            },
            pulumi.ResourceOptions(depends_on=[instance, bound], deleted_with=instance),
        )


def _deployed(host: Host, ssh_host_key: str) -> DeployedHost:
    return DeployedHost(
        name=host.name,
        instance_id=None,
        volumes=tuple(
            ContractVolume(
                name=volume.name,
                volume_class=volume.volume_class,
                size_bytes=volume.size_gib << 30,
                device=str(names.HOST_DEVICES / volume.name),
                uuid=volume.uuid,
                mount_point=volume.mount_point,
                nvme=None,
            )
            for volume in host.volumes
        ),
        ssh_host_key=ssh_host_key,
    )
