"""EBS volumes and their attachments."""

from __future__ import annotations

from infra.plugin.marshalling import UNKNOWN
from standin.account import Account
from standin.laws.volumes import limits
from standin.row import Look, Row, Values, names, only, pick
from standin.table import ec2


def _check(account: Account, inputs: Values) -> None:
    values = [inputs.get(name) for name in ("type", "size", "iops", "throughput")]
    if UNKNOWN not in values:
        limits(*values)


def _modify(account: Account, identity: str, news: Values, olds: Values) -> None:
    wanted = pick(news, Size="size", Iops="iops", VolumeType="type", Throughput="throughput")
    account.call("ec2", "modify_volume", VolumeId=identity, **wanted)


def _attachment(answer: Values, identity: str, inputs: Values) -> Values | None:
    volume = only(answer["Volumes"]) or {"Attachments": []}
    return only([one for one in volume["Attachments"] if one["InstanceId"] == inputs["instanceId"]])


ROWS = {
    "aws:ebs/volume:Volume": ec2.row(
        "create_volume",
        "volume",
        "",
        "Volumes",
        "VolumeId",
        rename={"type": "volumeType"},
        new=names("availabilityZone encrypted kmsKeyId multiAttachEnabled outpostArn snapshotId"),
        own=names("finalSnapshot"),
        changes=dict.fromkeys(("size", "iops", "type", "throughput"), _modify),
        check=_check,
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Row(
        service="ec2",
        create="attach_volume",
        identity=lambda answer, n: f"vai-{n['volumeId'][4:12]}{n['instanceId'][2:10]}",
        read=Look("describe_volumes", lambda i, n: {"VolumeIds": [n["volumeId"]]}, _attachment),
        delete=(
            "detach_volume",
            lambda i, n: pick(n, VolumeId="volumeId", InstanceId="instanceId", Device="deviceName"),
        ),
        rename={"deviceName": "device"},
        new=names("deviceName instanceId volumeId"),
        own=names("stopInstanceBeforeDetaching skipDestroy forceDetach"),
        delete_before_replace=True,
    ),
}
