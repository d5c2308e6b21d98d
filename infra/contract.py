"""The stack's outputs, typed and versioned: all that Ansible and testinfra know about the infrastructure.

`pulumi stack output contract` is one `Contract`. Secrets are a separate, encrypted output (`secrets`): they
are read by a lookup at the task that needs them and never become inventory variables.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, ValidationError, field_validator

from infra.environment import App, Durability, Platform, Size, Tier, VolumeClass
from infra.errors import FlashtierError
from infra.model import Model
from infra.release import refuse_later
from infra.settings.database_roles import ApplicationDatabase, DatabaseRole
from infra.settings.patroni import Patroni
from infra.settings.probe import Probe
from infra.settings.setting import PostgresqlSetting, Setting
from infra.topology import MOUNT_OPTIONS, Component, Egress, Flow, Placed, ScrapeJob

VERSION: Final = 2


class Nvme(Model):
    """How a volume shows on AWS: NVMe devices of `model`.

    EBS: one device whose serial is the volume's id without its dash. Instance store: `count` drives, whose
    serials are unknown before the host runs; a partition of `partition_bytes` on each, the rest stays free.
    """

    model: Literal["Amazon Elastic Block Store", "Amazon EC2 NVMe Instance Storage"]
    serials: tuple[str, ...]
    count: int = Field(ge=1)
    partition_bytes: int | None
    scheduler: Literal["none"]
    #: The kernel's own figure for a plain drive. An array's would be two stripes: 2 MiB for a page of 8 KiB.
    read_ahead_kib: int
    #: A person accepts the loss of this volume on drives in the host (`flashtier:acceptBlank`).
    accept_blank: bool


class ContractVolume(Model):
    """A block device with one file system on it.

    `device` is where the host sees it; it proves nothing. `uuid` is the identity, checked before every mount.
    """

    name: str
    volume_class: VolumeClass
    size_bytes: int
    device: str
    uuid: str
    mount_point: str
    nvme: Nvme | None
    mount_options: tuple[str, ...] = MOUNT_OPTIONS


class ContractHost(Model):
    name: str
    tier: Tier
    address: str
    #: Its default router; on `local` also the controller's address on the bridge.
    gateway: str
    #: On AWS only.
    zone: str | None
    instance_id: str | None
    size: Size
    #: Names of the components that it runs, which are entries of `Contract.components`.
    components: tuple[str, ...]
    volumes: tuple[ContractVolume, ...]
    placements: tuple[Placed, ...]
    #: The host's own public key ("ssh-ed25519 AAAA..."), made on the host at its first boot.
    ssh_host_key: str
    kernel: tuple[Setting, ...]


class Ec2InstanceConnect(Model):
    """The EC2 Instance Connect Endpoint through which SSH goes: no host has a public address.

    With `dns_name` the AWS CLI opens a tunnel without asking EC2 for the endpoint each time.
    """

    region: str
    endpoint_id: str
    dns_name: str


class Access(Model):
    """`private_key_file` is a path on the controller, mode 0600, outside the tree."""

    user: str
    authorized_keys: tuple[str, ...]
    private_key_file: str
    proxy: Ec2InstanceConnect | None


class ObjectStore(Model):
    """Where photos lie. `credentials`: keys from the secrets, or the instance's role."""

    endpoint: str
    region: str
    bucket: str
    #: Where clients read the bucket's objects, by key; None where the API sends them itself.
    cdn_url: str | None
    credentials: Literal["keys", "instance-profile"]
    ca: Literal["project", "system"]


class Backups(Model):
    """The bucket that the database's members alone may write to. `kms_key_arn`: on AWS, what encrypts it."""

    bucket: str
    region: str
    kms_key_arn: str | None


class ContractDatabase(Model):
    version: int
    members: tuple[str, ...]
    #: The member that the cluster is made on. Who leads is asked at run time.
    first: str
    settings: tuple[PostgresqlSetting, ...]
    patroni: Patroni
    #: Whether a leader that is stuck or gone is sealed off and gives way before its lease ends.
    takeover: bool
    #: What each member finds out of its own devices and server, and how late is too late.
    probe: Probe
    databases: tuple[ApplicationDatabase, ...]
    #: Those that the environment declares; replication, rewind and the follower have the kit's own.
    roles: tuple[DatabaseRole, ...]


class Unsupported(Model):
    """What this platform cannot do on `host`: roles skip exactly that, verification reports it with `why`."""

    host: str
    what: Literal["vm_sysctl", "io_scheduler", "read_ahead", "watchdog", "set_clock"]
    why: str


class PlatformFacts(Model):
    """What only the platform knows of a living environment."""

    #: The only address or range that may reach ports whose clients include "controller".
    controller: str
    #: Where the load balancer is, on AWS; its flows have the source "edge".
    edge_networks: tuple[str, ...]
    #: Where clients find the API.
    url: str
    access: Access
    object_store: ObjectStore
    backups: Backups | None
    unsupported: tuple[Unsupported, ...]


class DeployedHost(Model):
    """What only the platform knows of a host."""

    name: str
    #: On AWS only.
    instance_id: str | None
    volumes: tuple[ContractVolume, ...]
    #: The host's own public key ("ssh-ed25519 AAAA..."), made on the host at its first boot.
    ssh_host_key: str


class Deployed(PlatformFacts):
    """What a platform knows after `deploy`."""

    hosts: tuple[DeployedHost, ...]


class Contract(PlatformFacts):
    version: Literal[2]
    #: The kit's release that wrote it.
    release: str
    stack: str
    platform: Platform
    domain: str
    cidr: str
    #: PEM of the project's own authority. Its key is a secret.
    ca_certificate: str
    hosts: tuple[ContractHost, ...]
    #: The table that groups, firewalls and the verification follow from.
    components: tuple[Component, ...]
    #: Number of each port of the table, by its name.
    ports: dict[str, int]
    flows: tuple[Flow, ...]
    egress: tuple[Egress, ...]
    #: Networks that no host may reach, whatever `egress` says.
    refused_networks: tuple[str, ...]
    scrape_jobs: tuple[ScrapeJob, ...]
    database: ContractDatabase
    app: App
    durability: Durability

    @field_validator("hosts")
    @classmethod
    def _not_empty(cls, hosts: tuple[ContractHost, ...]) -> tuple[ContractHost, ...]:
        if not hosts:
            raise ValueError("a contract without hosts declares nothing; run `pulumi up` first")
        return hosts

    def host(self, name: str) -> ContractHost:
        return next(host for host in self.hosts if host.name == name)

    def running(self, host: ContractHost) -> tuple[Component, ...]:
        """The components that `host` runs."""
        return tuple(component for component in self.components if component.name in host.components)

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """Read `pulumi stack output contract --json`. Raises `FlashtierError` naming the first fault."""
        # A later release may have keys that are not known here; that is not what is wrong.
        refuse_later(text)
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(str(part) for part in fault["loc"])
            raise FlashtierError(
                f"contract.{key}: {fault['msg']}; this kit reads contract version {VERSION}: "
                "run `pulumi up` with the same checkout"
            ) from error
