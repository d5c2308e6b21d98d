"""What only AWS knows: way in, balancer, classes of volumes, buckets. Skipped on other platforms."""

from __future__ import annotations

from infra.contract import Contract, ContractVolume
from tests.hosts.cloud import Cloud
from tests.hosts.facts import Check
from tests.hosts.promises import EBS
from tests.hosts.snapshot import Snapshot

DEADLINE = (10, 30)  # seconds to connect, seconds without a byte

#: Why how old an archive may be is not checked yet.
NO_ARCHIVE = "nothing archives the WAL of the leader yet"


def test_the_way_in(contract: Contract, cloud: Cloud, check: Check) -> None:
    """The endpoint that SSH goes through: where it is, and that hosts see its address and no client's."""
    proxy = contract.access.proxy
    assert proxy is not None
    endpoint = cloud.endpoint(proxy.endpoint_id)
    ready = endpoint["State"] == "create-complete"
    found = endpoint["InstanceConnectEndpointId"] if ready else endpoint["State"]
    check.fact("access.proxy.endpoint_id", found, how="describe-instance-connect-endpoints")
    check.fact("access.proxy.dns_name", endpoint["DnsName"], how="describe-instance-connect-endpoints")
    region = endpoint["InstanceConnectEndpointArn"].split(":")[3]
    check.fact("access.proxy.region", region, how="the endpoint's ARN")
    [network] = cloud.networks([endpoint["SubnetId"]])
    check.fact("controller", network, how="the endpoint's subnet")
    check.equal("the endpoint shows hosts its clients' addresses", False, endpoint["PreserveClientIp"])


def test_the_balancer(contract: Contract, cloud: Cloud, check: Check) -> None:
    """It lies where the hosts' firewalls expect it, and sends requests to every web host."""
    proxy = contract.access.proxy
    assert proxy is not None
    balancers = cloud.balancers(cloud.endpoint(proxy.endpoint_id)["VpcId"])
    check.equal("load balancers of the stack", 1, len(balancers))
    for balancer in balancers:
        check.equal("state of the load balancer", "active", balancer["State"]["Code"])
        networks = cloud.networks([zone["SubnetId"] for zone in balancer["AvailabilityZones"]])
        same = networks == sorted(contract.edge_networks)
        check.fact("edge_networks", list(contract.edge_networks) if same else networks, how="its subnets")
        targets = {target["Target"]["Id"]: target for target in cloud.targets(balancer["LoadBalancerArn"])}
        web = {host.instance_id: host.name for host in contract.hosts if host.tier == "web"}
        others = sorted(set(targets) - set(map(str, web)))
        check.equal("targets of the load balancer that are no web host", [], others)
        for flow in (flow for flow in contract.flows if flow.source == "edge"):
            target = targets.get(contract.host(flow.destination).instance_id or "")
            state = target["TargetHealth"]["State"] if target else "no target"
            key, how = f"flow.edge.{flow.destination}.{flow.port_name}", f"target of the balancer: {state}"
            healthy = target is not None and state == "healthy"
            check.fact(f"{key}.port", target["Target"]["Port"] if target and healthy else state, how=how)
            check.fact(f"{key}.protocol", "tcp" if healthy else state, how=how)


def test_sizes(contract: Contract, snapshots: dict[str, Snapshot], cloud: Cloud, check: Check) -> None:
    """What a type of instance is, says AWS; what of it a host has, test_identity.py shows."""
    types = {host.name: snapshots[host.name]["instance"]["type"] for host in contract.hosts}
    sizes = cloud.sizes(sorted(set(types.values())))
    for host in contract.hosts:
        key, how = f"host.{host.name}.size", f"describe-instance-types {types[host.name]}"
        vcpus, memory = sizes[types[host.name]]
        check.fact(f"{key}.vcpus", vcpus, how=how)
        check.fact(f"{key}.memory_mib", memory, how=how)


def on_ebs(contract: Contract) -> dict[str, tuple[str, str | None, ContractVolume]]:
    """Volumes on EBS by their ids, with their key and their host's instance."""
    return {
        serial.replace("vol", "vol-", 1): (
            f"host.{host.name}.volume.{volume.name}",
            host.instance_id,
            volume,
        )
        for host in contract.hosts
        for volume in host.volumes
        if volume.nvme and volume.nvme.model == EBS
        for serial in volume.nvme.serials
    }


def test_volumes(contract: Contract, cloud: Cloud, check: Check) -> None:
    """A host cannot distinguish one class of EBS from another."""
    declared = on_ebs(contract)
    found = cloud.volumes(list(declared))
    for volume_id, (key, instance, volume) in declared.items():
        shown = found.get(volume_id)
        check.true(f"{key}: {volume_id} is there", shown is not None)
        if shown is None:
            continue
        check.fact(f"{key}.volume_class", shown["VolumeType"], how=f"describe-volumes {volume_id}")
        check.equal(f"{key}: bytes, says AWS", volume.size_bytes, shown["Size"] << 30)
        check.equal(f"{key}: encrypted", True, shown["Encrypted"])
        holders = [one["InstanceId"] for one in shown["Attachments"] if one["State"] == "attached"]
        check.equal(f"{key}: attached to", [instance], holders)


def test_backups(contract: Contract, cloud: Cloud, check: Check) -> None:
    backups = contract.backups
    assert backups is not None
    fault = cloud.refusal("s3api", "get-bucket-location", Bucket=backups.bucket)
    check.fact("backups.bucket", fault or backups.bucket, how="get-bucket-location")
    if fault:
        return
    where = cloud.once("s3api", "get-bucket-location", Bucket=backups.bucket)
    # The oldest region has no name here.
    region = where.get("LocationConstraint") or "us-east-1"
    check.fact("backups.region", region, how="get-bucket-location")
    check.fact("backups.kms_key_arn", key_of(cloud, backups.bucket), how="get-bucket-encryption")


def key_of(cloud: Cloud, bucket: str) -> str:
    found = cloud.once("s3api", "get-bucket-encryption", Bucket=bucket)
    rules = found["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"))


def test_durability(contract: Contract, cloud: Cloud, check: Check) -> None:
    """What keeps backups is in effect; what makes them is only declared so far."""
    durability, backups = contract.durability, contract.backups
    assert durability is not None
    assert backups is not None
    if durability.archive is None:
        return
    archive = "durability.archive"
    if "archive_mode" not in {setting.name for setting in contract.database.settings}:
        check.unsupported(f"{archive}.timeout_s", NO_ARCHIVE)
    rules = cloud.once("s3api", "get-bucket-lifecycle-configuration", Bucket=backups.bucket)["Rules"]
    kept = [rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") for rule in rules]
    check.fact(
        f"{archive}.retention_days", kept[0] if len(kept) == 1 else kept, how="lifecycle of the bucket"
    )
    if durability.archive.object_lock_days is not None:
        found = cloud.once("s3api", "get-object-lock-configuration", Bucket=backups.bucket)
        retention = found["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        check.fact(f"{archive}.object_lock_days", retention["Days"], how="get-object-lock-configuration")
        check.equal("mode of the backups' lock", "COMPLIANCE", retention["Mode"])


def test_buckets_are_closed_to_the_public(contract: Contract, cloud: Cloud, check: Check) -> None:
    """Asked without credentials, by HTTPS: neither the list nor an object."""
    _, _, server = contract.object_store.endpoint.partition("://")
    buckets = [contract.object_store.bucket, *([contract.backups.bucket] if contract.backups else [])]
    with cloud.anonymous() as session:
        for bucket in buckets:
            for path in ("?list-type=2", "none"):
                answer = session.get(f"https://{bucket}.{server}/{path}", timeout=DEADLINE)
                check.equal(f"anonymous request to s3://{bucket}/{path}", 403, answer.status_code)
