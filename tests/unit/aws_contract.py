"""The contract that a shipped environment on AWS would have: names and ids are made up, all else follows."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from aws_environments import parsed
from declared import contract_of

from infra.aws.devices import contract_volumes
from infra.contract import Contract
from infra.postgresql import settings
from infra.subnets import of_tier
from infra.topology import build
from infra.volumes import EBS_CLASSES


@cache
def aws_contract(stack: str = "dev") -> Contract:
    environment = parsed(stack)
    assert environment.aws
    region, zones = environment.aws.region, environment.aws.zones
    tree: Any = json.loads(contract_of(stack, environment).model_dump_json())
    tree["controller"] = of_tier(environment.network.cidr, zones, "access")[0].cidr
    tree["access"]["proxy"] = {"region": region, "endpoint_id": "eice-0123456789abcdef0"}
    tree["backups"] = {
        "bucket": f"flashtier-{stack}-backups",
        "region": region,
        "kms_key_arn": f"arn:aws:kms:{region}:123456789012:key/unit",
    }
    tree["object_store"] |= {"endpoint": f"https://s3.{region}.amazonaws.com", "region": region}
    tree["database"]["settings"] = [one.model_dump(mode="json") for one in settings(environment)]
    tree["unsupported"] = []
    hosts = build(stack, environment).hosts
    for number, (host, made) in enumerate(zip(hosts, tree["hosts"], strict=True)):
        made["instance_id"] = f"i-{number:017x}"
        ids = {
            volume.name: f"vol-{volume.uuid.replace('-', '')[:17]}"
            for volume in host.volumes
            if volume.volume_class in EBS_CLASSES
        }
        made["volumes"] = [volume.model_dump(mode="json") for volume in contract_volumes(host, ids)]
    return Contract.from_json(json.dumps(tree))
