"""A stand-in for the AWS CLI: answers for the stack of a contract, in the shapes of botocore's own model.

Calls and answers are held against the model, so that a name which the API does not know fails.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import botocore.session
import requests
from botocore import xform_name
from botocore.validate import ParamValidator

from infra.contract import Contract
from tests.hosts.cloud import Cloud
from tests.support.aws.ec2_system import type_of

ACCOUNT, VPC = "123456789012", "vpc-0123456789abcdef0"
BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/app/edge/0123456789abcdef"
TARGETS = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/web/0123456789abcdef"
#: Names of the CLI that are other than the API's.
SERVICES = {"s3api": "s3"}


@functools.cache
def operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def held(shape: Any, values: Any, what: str) -> Any:
    report = ParamValidator().validate(values, shape)
    assert not report.has_errors(), f"{what}: {report.generate_report()}"
    return values


class Ec2Cloud(Cloud):
    """`objects` are the keys in the photos' bucket; whoever plays the API puts them there."""

    def __init__(self, contract: Contract, objects: list[str]) -> None:
        assert contract.access.proxy
        super().__init__(contract.access.proxy.region)
        self._contract = contract
        self._objects = objects
        networks = {"public": contract.edge_networks, "access": (contract.controller,)}
        self._subnets = {
            f"subnet-{tier}-{index}": cidr
            for tier, found in networks.items()
            for index, cidr in enumerate(found)
        }

    def ask(self, service: str, operation: str, **parameters: Any) -> Any:
        known = operations(service)[operation]
        held(known.input_shape, parameters, f"{operation} is asked")
        answer = getattr(self, f"_{operation.replace('-', '_')}")(**parameters)
        return held(known.output_shape, answer, f"{operation} answers") if known.output_shape else answer

    def refusal(self, service: str, operation: str, **parameters: Any) -> str:
        known = {self._contract.object_store.bucket, self._contract.backups and self._contract.backups.bucket}
        if parameters.get("Bucket") not in known:
            return "An error occurred (NoSuchBucket): it does not exist"
        self.ask(service, operation, **parameters)
        return ""

    def anonymous(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", Closed())
        return session

    def _subnets_of(self, tier: str) -> list[str]:
        return [name for name in self._subnets if name.startswith(f"subnet-{tier}-")]

    def _describe_instance_connect_endpoints(self, **asked: Any) -> Any:
        proxy = self._contract.access.proxy
        assert proxy
        arn = f"arn:aws:ec2:{proxy.region}:{ACCOUNT}:instance-connect-endpoint/{proxy.endpoint_id}"
        endpoint = {
            "InstanceConnectEndpointId": proxy.endpoint_id,
            "DnsName": proxy.dns_name,
            "InstanceConnectEndpointArn": arn,
            "State": "create-complete",
            "SubnetId": self._subnets_of("access")[0],
            "VpcId": VPC,
            "PreserveClientIp": False,
        }
        return {"InstanceConnectEndpoints": [endpoint]}

    def _describe_subnets(self, SubnetIds: list[str]) -> Any:
        return {"Subnets": [{"SubnetId": one, "CidrBlock": self._subnets[one]} for one in SubnetIds]}

    def _describe_instance_types(self, InstanceTypes: list[str]) -> Any:
        sizes = {type_of(host): host.size for host in self._contract.hosts}
        return {
            "InstanceTypes": [
                {
                    "InstanceType": name,
                    "VCpuInfo": {"DefaultVCpus": sizes[name].vcpus},
                    "MemoryInfo": {"SizeInMiB": sizes[name].memory_mib},
                }
                for name in InstanceTypes
            ]
        }

    def _describe_load_balancers(self) -> Any:
        zones = [{"SubnetId": one} for one in self._subnets_of("public")]
        ours = {
            "LoadBalancerArn": BALANCER,
            "VpcId": VPC,
            "State": {"Code": "active"},
            "AvailabilityZones": zones,
        }
        return {"LoadBalancers": [ours, {**ours, "VpcId": "vpc-of-somebody-else"}]}

    def _describe_target_groups(self, LoadBalancerArn: str) -> Any:
        assert LoadBalancerArn == BALANCER
        return {"TargetGroups": [{"TargetGroupArn": TARGETS, "Port": 8443}]}

    def _describe_target_health(self, TargetGroupArn: str) -> Any:
        assert TargetGroupArn == TARGETS
        web = [host for host in self._contract.hosts if host.tier == "web"]
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": host.instance_id, "Port": 8443}, "TargetHealth": {"State": "healthy"}}
                for host in web
            ]
        }

    def _describe_volumes(self, VolumeIds: list[str]) -> Any:
        volumes = {
            serial.replace("vol", "vol-", 1): (host, volume)
            for host in self._contract.hosts
            for volume in host.volumes
            for serial in (volume.nvme.serials if volume.nvme else ())
        }
        return {
            "Volumes": [
                {
                    "VolumeId": one,
                    "VolumeType": volumes[one][1].volume_class,
                    "Size": volumes[one][1].size_bytes >> 30,
                    "Encrypted": True,
                    "Attachments": [{"InstanceId": volumes[one][0].instance_id, "State": "attached"}],
                }
                for one in VolumeIds
            ]
        }

    def _get_bucket_location(self, Bucket: str) -> Any:
        region = self._contract.object_store.region
        return {} if region == "us-east-1" else {"LocationConstraint": region}

    def _get_bucket_encryption(self, Bucket: str) -> Any:
        assert self._contract.backups
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._contract.backups.kms_key_arn}
        rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        return {"ServerSideEncryptionConfiguration": {"Rules": rules}}

    def _get_bucket_lifecycle_configuration(self, Bucket: str) -> Any:
        archive = self._contract.durability and self._contract.durability.archive
        assert archive
        expires = {"NoncurrentDays": archive.retention_days}
        return {"Rules": [{"Status": "Enabled", "ID": "versions", "NoncurrentVersionExpiration": expires}]}

    def _get_object_lock_configuration(self, Bucket: str) -> Any:
        archive = self._contract.durability and self._contract.durability.archive
        assert archive
        retention = {"Mode": "COMPLIANCE", "Days": archive.object_lock_days}
        rule = {"DefaultRetention": retention}
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}

    def _list_object_versions(self, Bucket: str, Prefix: str) -> Any:
        assert self._contract.object_store.bucket == Bucket
        found = [key for key in self._objects if key.startswith(Prefix)]
        # The CLI leaves a list out that is empty.
        return {"Versions": [{"Key": key, "VersionId": "one"} for key in found]} if found else {}

    def _delete_object(self, Bucket: str, Key: str, VersionId: str) -> Any:
        assert VersionId == "one"
        self._objects.remove(Key)
        return {}


class Closed(requests.adapters.BaseAdapter):
    """S3 as the world sees a bucket of the kit."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert re.fullmatch(r"https://[a-z0-9-]+[.]s3[.][a-z0-9-]+[.]amazonaws[.]com/.*", request.url or "")
        response = requests.Response()
        response.status_code = 403
        return response

    def close(self) -> None:
        pass
