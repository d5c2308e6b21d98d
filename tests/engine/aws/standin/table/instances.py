"""Instances, launch templates, placement groups, key pairs."""

from __future__ import annotations

import base64

from infra.plugin.marshalling import UNKNOWN
from standin.account import Account
from standin.row import Bad, Found, Look, Row, Step, Values, names, pick
from standin.table import ec2

#: Amazon's own; Debian's images have /dev/xvda as well.
ROOT = "/dev/xvda"
_PLACEMENT = {
    "availabilityZone": "availabilityZone",
    "placementGroup": "groupName",
    "placementGroupId": "groupId",
    "placementPartitionNumber": "partitionNumber",
    "tenancy": "tenancy",
    "hostId": "hostId",
}
_ELSEWHERE = names(
    "ami vpcSecurityGroupIds iamInstanceProfile monitoring rootBlockDevice ebsBlockDevices"
    " ephemeralBlockDevices userDataBase64 userData associatePublicIpAddress launchTemplate"
    " sourceDestCheck privateIp hibernation networkInterfaces secondaryPrivateIps subnetId securityGroups"
    " ipv6Addresses ipv6AddressCount"
)
#: What the provider's schema does not take beside `networkInterfaces` (ConflictsWith).
_OF_THE_FIRST = names(
    "associatePublicIpAddress subnetId privateIp secondaryPrivateIps vpcSecurityGroupIds securityGroups"
    " ipv6Addresses ipv6AddressCount sourceDestCheck"
)


def _disk(values: Values) -> Values:
    return {k: v for k, v in values.items() if k not in ("deviceName", "tags", "tagsAll", "__defaults")}


def _mappings(inputs: Values) -> list[Values]:
    root = inputs.get("rootBlockDevice")
    made = [{"deviceName": ROOT, "ebs": {"deleteOnTermination": True, **_disk(root)}}] if root else []
    for disk in inputs.get("ebsBlockDevices") or []:
        made.append({"deviceName": disk["deviceName"], "ebs": {"deleteOnTermination": True, **_disk(disk)}})
    return made + list(inputs.get("ephemeralBlockDevices") or [])


def _template(values: Values) -> Values:
    return {{"id": "launchTemplateId", "name": "launchTemplateName"}.get(k, k): v for k, v in values.items()}


def user_data(inputs: Values) -> str | None:
    """In base64, as the API has it."""
    plain = inputs.get("userData")
    if plain in (None, UNKNOWN):
        return inputs.get("userDataBase64") or plain
    return base64.b64encode(plain.encode()).decode()


def body(inputs: Values) -> Values:
    made: Values = {"minCount": 1, "maxCount": 1, **pick(inputs, imageId="ami")}
    made |= {k: v for k, v in inputs.items() if k not in _ELSEWHERE and k not in _PLACEMENT}
    if placement := {
        member: inputs[name] for name, member in _PLACEMENT.items() if inputs.get(name) is not None
    }:
        made["placement"] = placement
    if profile := inputs.get("iamInstanceProfile"):
        made["iamInstanceProfile"] = {"name": profile}
    if (monitoring := inputs.get("monitoring")) is not None:
        made["monitoring"] = {"enabled": monitoring}
    if (hibernation := inputs.get("hibernation")) is not None:
        made["hibernationOptions"] = {"configured": hibernation}
    if template := inputs.get("launchTemplate"):
        made["launchTemplate"] = _template(template)
    made["blockDeviceMappings"] = _mappings(inputs) or None
    made["userData"] = user_data(inputs)
    made.update(_network(inputs))
    return made


def _network(inputs: Values) -> Values:
    """Where the provider puts the network's properties: on an interface that it makes, or at the instance.

    Source: terraform-provider-aws 6, internal/service/ec2/ec2_instance.go, buildInstanceOpts and
    buildNetworkInterfaceOpts: with a subnet, each of associate_public_ip_address (also false), private_ip and
    secondary_private_ips makes the request one with NetworkInterfaces.
    """
    if given := inputs.get("networkInterfaces"):
        return {"networkInterfaces": given}
    subnet, public = inputs.get("subnetId"), inputs.get("associatePublicIpAddress")
    ids = _both(inputs.get("securityGroups") if subnet else None, inputs.get("vpcSecurityGroupIds"))
    second = _addresses(inputs.get("secondaryPrivateIps"), "privateIpAddress")
    common = {
        "subnetId": subnet,
        "privateIpAddress": inputs.get("privateIp"),
        "ipv6AddressCount": inputs.get("ipv6AddressCount"),
        "ipv6Addresses": _addresses(inputs.get("ipv6Addresses"), "ipv6Address"),
    }
    if not subnet or (public is None and not inputs.get("privateIp") and not second):
        return {
            **common,
            "securityGroupIds": ids,
            "securityGroups": None if subnet else inputs.get("securityGroups"),
        }
    return {
        "networkInterfaces": [
            {
                "deviceIndex": 0,
                "groups": ids,
                "privateIpAddresses": second,
                "associatePublicIpAddress": public,
                **common,
            }
        ]
    }


def _both(names_: object, ids: object) -> object:
    if UNKNOWN in (names_, ids):
        return UNKNOWN
    return [*(names_ or []), *(ids or [])] or None


def _addresses(given: object, member: str) -> object:
    return [{member: address} for address in given] if isinstance(given, list) and given else None


def _for_moto(request: Values) -> Values:
    """moto wants an Ebs part in every mapping: those of instance store, validated before, are left out."""
    kept = [mapping for mapping in request.get("BlockDeviceMappings", []) if "Ebs" in mapping]
    return {
        **{k: v for k, v in request.items() if k != "BlockDeviceMappings"},
        **({"BlockDeviceMappings": kept} if kept else {}),
    }


def _check(account: Account, inputs: Values) -> None:
    if inputs.get("networkInterfaces") and (given := sorted(_OF_THE_FIRST & inputs.keys())):
        raise Bad("networkInterfaces", f"conflicts with {', '.join(given)}")
    kind, zone = inputs.get("instanceType"), inputs.get("availabilityZone")
    if kind in (None, UNKNOWN):
        if kind is None and not inputs.get("launchTemplate"):
            raise Bad("instanceType", "is missing, and so is launchTemplate")
        return
    offers = account.call(
        "ec2",
        "describe_instance_type_offerings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [kind]}],
    )["InstanceTypeOfferings"]
    zones = sorted(offer["Location"] for offer in offers)
    # moto has not every type in every zone; a type that is in none is refused by its own validation.
    if zones and zone not in (None, UNKNOWN) and zone not in zones:
        raise Bad("availabilityZone", f"{kind} is not offered in {zone}; it is in {', '.join(zones)}")
    if inputs.get("ephemeralBlockDevices"):
        known = account.call("ec2", "describe_instance_types", InstanceTypes=[kind])["InstanceTypes"][0]
        if not known.get("InstanceStorageSupported"):
            raise Bad("ephemeralBlockDevices", f"{kind} has no instance store")


def _found(answer: Values, identity: str, inputs: Values) -> Found:
    every = [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
    return next((one for one in every if one["State"]["Name"] not in ("terminated", "shutting-down")), None)


def _root_volume(account: Account, found: Values) -> Values:
    for mapping in found.get("BlockDeviceMappings", []):
        if (
            mapping["DeviceName"] == found.get("RootDeviceName", ROOT)
            or len(found["BlockDeviceMappings"]) == 1
        ):
            return account.call("ec2", "describe_volumes", VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"][
                0
            ]
    return {}


def _attribute(account: Account, identity: str, name: str) -> object:
    answer = account.call("ec2", "describe_instance_attribute", InstanceId=identity, Attribute=name)
    value = answer.get(name[0].upper() + name[1:])
    return value.get("Value") if isinstance(value, dict) else None


def _seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    root = _root_volume(account, found)
    profile = (found.get("IamInstanceProfile") or {}).get("Arn", "")
    monitoring = (found.get("Monitoring") or {}).get("State")
    shown = {
        "vpcSecurityGroupIds": [group["GroupId"] for group in found.get("SecurityGroups", [])],
        "iamInstanceProfile": profile.split("/")[-1],
        "monitoring": monitoring in ("enabled", "pending"),
        "rootBlockDevice": {"VolumeSize": root.get("Size"), **{k: v for k, v in root.items() if k != "Tags"}},
        "availabilityZone": found["Placement"]["AvailabilityZone"],
        **{
            n: _attribute(account, identity, n)
            for n in ("disableApiTermination", "disableApiStop")
            if n in inputs
        },
    }
    return {name: value for name, value in shown.items() if name in inputs and value is not None}


def _outputs(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    interfaces = found.get("NetworkInterfaces") or [{}]
    return {
        "privateIp": found.get("PrivateIpAddress"),
        "publicIp": found.get("PublicIpAddress"),
        "privateDns": found.get("PrivateDnsName"),
        "instanceState": (found.get("State") or {}).get("Name"),
        "availabilityZone": (found.get("Placement") or {}).get("AvailabilityZone"),
        "primaryNetworkInterfaceId": interfaces[0].get("NetworkInterfaceId"),
    }


def _modify(account: Account, identity: str, **attribute: object) -> None:
    account.call("ec2", "modify_instance_attribute", InstanceId=identity, **attribute)


def _stopped(account: Account, identity: str, **attribute: object) -> None:
    """What changes only while the instance does not run."""
    account.call("ec2", "stop_instances", InstanceIds=[identity])
    _modify(account, identity, **attribute)
    account.call("ec2", "start_instances", InstanceIds=[identity])


def _change_root(account: Account, identity: str, news: Values, olds: Values) -> None:
    found = account.call("ec2", "describe_instances", InstanceIds=[identity])["Reservations"][0]["Instances"][
        0
    ]
    root = news["rootBlockDevice"]
    wanted = pick(root, Size="volumeSize", Iops="iops", Throughput="throughput", VolumeType="volumeType")
    account.call("ec2", "modify_volume", VolumeId=_root_volume(account, found)["VolumeId"], **wanted)


def _change_profile(account: Account, identity: str, news: Values, olds: Values) -> None:
    wanted = [{"Name": "instance-id", "Values": [identity]}]
    held = account.call("ec2", "describe_iam_instance_profile_associations", Filters=wanted)
    for one in held["IamInstanceProfileAssociations"]:
        account.call(
            "ec2",
            "replace_iam_instance_profile_association",
            AssociationId=one["AssociationId"],
            IamInstanceProfile={"Name": news["iamInstanceProfile"]},
        )


def _delete(account: Account, identity: str, inputs: Values) -> None:
    if inputs.get("forceDestroy"):
        for attribute in ("DisableApiTermination", "DisableApiStop"):
            _modify(account, identity, **{attribute: {"Value": False}})
    account.call("ec2", "terminate_instances", InstanceIds=[identity])


def _show_groups(account: Account, identity: str, inputs: Values) -> None:
    """moto shows no groups of an instance whose groups came with its interface."""
    if groups := inputs.get("vpcSecurityGroupIds"):
        _modify(account, identity, Groups=groups)


INSTANCE = Row(
    service="ec2",
    create="run_instances",
    identity="Instances[0].InstanceId",
    read=Look("describe_instances", lambda i, n: {"InstanceIds": [i]}, _found),
    delete=_delete,
    kind="instance",
    tagged=True,
    body=body,
    for_moto=_for_moto,
    check=_check,
    after=_show_groups,
    new=names(
        "ami associatePublicIpAddress availabilityZone ebsOptimized ephemeralBlockDevices"
        " ebsBlockDevices enclaveOptions hibernation hostId ipv6AddressCount ipv6Addresses keyName"
        " launchTemplate networkInterfaces placementGroup placementGroupId placementPartitionNumber"
        " privateIp securityGroups subnetId tenancy cpuOptions instanceMarketOptions"
        " rootBlockDevice.encrypted rootBlockDevice.kmsKeyId"
    ),
    # Without userDataReplaceOnChange, a change of the user data stops and starts the instance.
    new_if=lambda changed, olds, news: (
        changed & {"userData", "userDataBase64"} if news.get("userDataReplaceOnChange") else set()
    ),
    own=names("forceDestroy getPasswordData userDataReplaceOnChange maintenanceOptions volumeTags"),
    changes={
        "instanceType": lambda account, i, n, o: _stopped(
            account, i, InstanceType={"Value": n["instanceType"]}
        ),
        "userData": lambda account, i, n, o: _stopped(account, i, UserData={"Value": user_data(n)}),
        "userDataBase64": lambda account, i, n, o: _stopped(account, i, UserData={"Value": user_data(n)}),
        "vpcSecurityGroupIds": lambda account, i, n, o: _modify(account, i, Groups=n["vpcSecurityGroupIds"]),
        "rootBlockDevice": _change_root,
        "iamInstanceProfile": _change_profile,
    },
    steps=(
        *(
            Step(
                "modify_instance_attribute",
                (name,),
                lambda n, i, name=name: {"instanceId": i, name: {"value": n.get(name, False)}},
                # The provider sends the first two with RunInstances, where moto forgets them.
                on_create=True,
            )
            for name in ("disableApiTermination", "disableApiStop", "sourceDestCheck")
        ),
        Step(
            "modify_instance_metadata_options",
            ("metadataOptions",),
            lambda n, i: (
                {"instanceId": i, **(n.get("metadataOptions") or {})}
                if n.get("metadataOptions") != UNKNOWN
                else None
            ),
            on_create=False,
        ),
        Step(
            "monitor_instances",
            ("monitoring",),
            lambda n, i: {"instanceIds": [i]} if n.get("monitoring") else None,
            on_create=False,
        ),
        Step(
            "unmonitor_instances",
            ("monitoring",),
            lambda n, i: None if n.get("monitoring") else {"instanceIds": [i]},
            on_create=False,
        ),
    ),
    seen=_seen,
    blind=names(
        "userData userDataBase64 ephemeralBlockDevices ebsBlockDevices launchTemplate creditSpecification"
    ),
    outputs=_outputs,
)


def template_body(inputs: Values) -> Values:
    data = {k: v for k, v in inputs.items() if k not in ("name", "description", "vpcSecurityGroupIds")}
    data |= pick(inputs, securityGroupIds="vpcSecurityGroupIds")
    if data.get("tagSpecifications"):
        data["tagSpecifications"] = [
            {**one, "tags": [{"key": k, "value": v} for k, v in sorted(one["tags"].items())]}
            for one in data["tagSpecifications"]
        ]
    return {
        **pick(inputs, launchTemplateName="name", versionDescription="description"),
        "launchTemplateData": data,
    }


def _template_check(account: Account, inputs: Values) -> None:
    data = inputs.get("userData")
    if data not in (None, UNKNOWN):
        try:
            base64.b64decode(data, validate=True)
        except ValueError:
            raise Bad("userData", "is not in base64, which a launch template wants") from None


_VERSIONED = names(
    "blockDeviceMappings capacityReservationSpecification cpuOptions creditSpecification"
    " description disableApiStop disableApiTermination ebsOptimized enclaveOptions"
    " iamInstanceProfile imageId instanceInitiatedShutdownBehavior instanceType keyName"
    " maintenanceOptions metadataOptions monitoring networkInterfaces placement"
    " privateDnsNameOptions tagSpecifications userData vpcSecurityGroupIds"
)


def _new_version(account: Account, identity: str, news: Values, olds: Values) -> None:
    from standin import convert

    left = {k: v for k, v in news.items() if k in _VERSIONED}
    body = {**template_body(left), "launchTemplateId": identity}
    request = convert.request("ec2", "create_launch_template_version", body)
    made = account.call("ec2", "create_launch_template_version", **request)["LaunchTemplateVersion"]
    if news.get("updateDefaultVersion"):
        number = str(made["VersionNumber"])
        account.call("ec2", "modify_launch_template", LaunchTemplateId=identity, DefaultVersion=number)


ROWS = {
    "aws:ec2/instance:Instance": INSTANCE,
    "aws:ec2/launchTemplate:LaunchTemplate": ec2.row(
        "create_launch_template",
        "launch-template",
        "LaunchTemplate",
        "LaunchTemplates",
        "LaunchTemplateId",
        body=template_body,
        check=_template_check,
        new=names("name namePrefix"),
        own=names("updateDefaultVersion defaultVersion"),
        auto="name",
        changes=dict.fromkeys(_VERSIONED, _new_version),
        outputs=lambda account, i, n, found: {
            "latestVersion": found.get("LatestVersionNumber"),
            "defaultVersion": found.get("DefaultVersionNumber"),
        },
    ),
    "aws:ec2/placementGroup:PlacementGroup": Row(
        service="ec2",
        create="create_placement_group",
        identity=lambda answer, n: n["name"],
        read=None,
        delete=None,
        kind="placement-group",
        tagged=True,
        recorded=True,
        rename={"name": "groupName"},
        new=names("name strategy partitionCount spreadLevel"),
        auto="name",
        outputs=lambda account, i, n, found: {"placementGroupId": f"pg-{i}"},
    ),
    "aws:ec2/keyPair:KeyPair": Row(
        service="ec2",
        create="import_key_pair",
        identity="KeyName",
        read=Look("describe_key_pairs", lambda i, n: {"KeyNames": [i]}, "KeyPairs[0]"),
        delete=("delete_key_pair", lambda i, n: {"KeyName": i}),
        kind="key-pair",
        rename={"publicKey": "publicKeyMaterial"},
        new=names("keyName publicKey keyNamePrefix"),
        own=names("tags"),
        auto="keyName",
        outputs=lambda account, i, n, found: {"keyPairId": found.get("KeyPairId")},
    ),
}
