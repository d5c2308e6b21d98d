"""The contract that a shipped environment on AWS would have: names and ids are made up, all else follows."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from aws_environments import parsed
from declared import contract_of

from infra.contract import Contract
from infra.subnets import of_tier


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
    tree["unsupported"] = []
    for number, host in enumerate(tree["hosts"]):
        host["instance_id"] = f"i-{number:017x}"
        for volume in host["volumes"]:
            volume |= _drive(volume)
    return Contract.from_json(json.dumps(tree))


_TUNED = {"scheduler": "none", "read_ahead_kib": 128, "accept_blank": False}


def _drive(volume: dict[str, Any]) -> dict[str, Any]:
    if volume["volume_class"] == "instance-store":
        # Two drives, one device of them by the array's identity.
        array = ":".join(volume["uuid"].replace("-", "")[part : part + 8] for part in range(0, 32, 8))
        return {
            "device": f"/dev/disk/by-id/md-uuid-{array}",
            "nvme": {
                "model": "Amazon EC2 NVMe Instance Storage",
                "serials": [],
                "count": 2,
                "partition_bytes": volume["size_bytes"] // 2,
                **_TUNED,
            },
        }
    serial = f"vol{volume['uuid'].replace('-', '')[:17]}"
    return {
        "device": f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{serial}",
        "nvme": {
            "model": "Amazon Elastic Block Store",
            "serials": [serial],
            "count": 1,
            "partition_bytes": None,
            **_TUNED,
        },
    }
