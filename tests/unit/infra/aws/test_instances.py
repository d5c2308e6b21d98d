"""Hosts on AWS: where each lies, what it is born with, what it must not lose, in which order things go."""

from __future__ import annotations

import base64

import pytest
import yaml

from infra.aws.instances import Hosts, image, placement
from infra.errors import EnvironmentInvalid
from tests.support.aws import mocks
from tests.support.aws.hosts import DRIVES, IMAGES, IO2, LOG, ZONES, ground, host

INSTANCE, VOLUME, ATTACHMENT = (
    "aws:ec2/instance:Instance",
    "aws:ebs/volume:Volume",
    "aws:ec2/volumeAttachment:VolumeAttachment",
)


def recorded(tier, hosts, *, spread=True, **changes):
    return mocks.run(lambda: Hosts(ground(**changes), tier, tuple(hosts), spread) and None)


@pytest.fixture(scope="module")
def database():
    return recorded("database", [host("database", index, DRIVES, LOG) for index in range(3)])


def test_each_host_lies_in_its_zone_with_its_address(database):
    for index in range(3):
        instance = database.named(f"flashtier-unit-db{index + 1}", INSTANCE)
        assert instance.inputs["availabilityZone"] == ZONES[index]
        assert instance.inputs["subnetId"] == f"subnet-data-{ZONES[index]}"
        assert instance.inputs["privateIp"] == f"10.64.{index}.{10 + index}"
        assert instance.inputs["associatePublicIpAddress"] is False


@pytest.mark.parametrize("tier", ["web", "control"])
def test_other_tiers_lie_in_the_private_subnets(tier):
    found = recorded(tier, [host(tier, 0)])
    assert found.one(INSTANCE).inputs["subnetId"] == f"subnet-private-{ZONES[0]}"
    assert found.one(INSTANCE).inputs["vpcSecurityGroupIds"] == [f"sg-{tier}"]
    assert found.one(INSTANCE).inputs["iamInstanceProfile"] == f"profile-{tier}"


def test_the_metadata_service_wants_a_token_and_answers_one_hop(database):
    wanted = {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    for one in (*database.of(INSTANCE), database.one("LaunchTemplate")):
        assert one.inputs["metadataOptions"] == wanted


def test_the_root_is_encrypted_with_the_kits_key_and_goes_with_its_host(database):
    key = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/data"
    for instance in database.of(INSTANCE):
        root = instance.inputs["rootBlockDevice"]
        assert (root["volumeType"], root["volumeSize"], root["encrypted"]) == ("gp3", 20, True)
        assert (root["kmsKeyId"], root["deleteOnTermination"]) == (key, True)
        assert root["tags"]["Name"] == f"unit-{instance.inputs['tags']['Host']}-root"
    mapping = database.one("LaunchTemplate").inputs["blockDeviceMappings"][0]
    assert (mapping["ebs"]["encrypted"], mapping["ebs"]["kmsKeyId"]) == ("true", key)


def test_a_new_image_or_user_data_replaces_no_host(database):
    for instance in database.of(INSTANCE):
        assert set(instance.options.ignoreChanges) == {"ami", "userData", "launchTemplate"}
        assert "userDataReplaceOnChange" not in instance.inputs


def test_the_image_is_the_pinned_one_of_the_types_architecture(database):
    assert {one.inputs["ami"] for one in database.of(INSTANCE)} == {IMAGES["arm64"]}
    assert database.one("LaunchTemplate").inputs["imageId"] == IMAGES["arm64"]
    intel = recorded("web", [host("web", 0, instance_type="c7i.large")])
    assert intel.one(INSTANCE).inputs["ami"] == IMAGES["x86_64"]


def test_an_image_that_is_not_pinned_is_a_line_with_the_fix():
    with pytest.raises(EnvironmentInvalid, match=r"aws\.images\.arm64: is missing.*flashtier image"):
        image(ground(images={}).settings, host("web", 0))


def test_a_host_is_gone_before_the_next_one_gets_its_address(database):
    assert all(instance.options.deleteBeforeReplace for instance in database.of(INSTANCE))


def test_attachment_goes_before_instance_and_instance_before_volume(database):
    for index in range(3):
        name = f"flashtier-unit-db{index + 1}"
        volume, instance = database.named(f"{name}-log", VOLUME), database.named(name, INSTANCE)
        attachment = database.named(f"{name}-log", ATTACHMENT)
        assert instance.depends_on(volume)
        assert attachment.depends_on(instance)
        assert attachment.depends_on(volume)
        assert attachment.options.deletedWith == instance.urn
        assert attachment.inputs["deviceName"] == "/dev/sdf"


def test_volumes_are_as_declared_encrypted_protected_and_in_the_hosts_zone():
    found = recorded("database", [host("database", 1, IO2, LOG)])
    data, log = (found.named(f"flashtier-unit-db2-{name}", VOLUME) for name in ("data", "log"))
    assert {key: data.inputs[key] for key in ("type", "size", "iops", "encrypted", "availabilityZone")} == {
        "type": "io2",
        "size": 500,
        "iops": 20_000,
        "encrypted": True,
        "availabilityZone": ZONES[1],
    }
    assert "throughput" not in data.inputs
    assert (log.inputs["type"], log.inputs["iops"], log.inputs["throughput"]) == ("gp3", 3000, 125)
    for volume in (data, log):
        assert volume.options.protect
        assert volume.inputs["kmsKeyId"].endswith("key/data")
        assert volume.inputs["tags"]["Tier"] == "database"
    assert {one.inputs["deviceName"] for one in found.of(ATTACHMENT)} == {"/dev/sdf", "/dev/sdg"}


def test_drives_in_the_host_are_not_ebs_volumes(database):
    assert {one.inputs["tags"]["Volume"] for one in database.of(VOLUME)} == {"log"}


def test_everything_that_takes_tags_has_them(database):
    for one in database.resources:
        if one.type != ATTACHMENT:
            tags = one.inputs["tags"]
            assert {"Project", "ManagedBy", "Environment", "Owner", "CostCenter", "Name", "Tier"} <= set(tags)


@pytest.mark.parametrize("production", [True, False])
def test_detailed_monitoring_is_for_environments_that_are_protected(production):
    found = recorded("web", [host("web", 0)], deletion_protection=production)
    assert found.one(INSTANCE).inputs["monitoring"] is production


@pytest.mark.parametrize(
    ("count", "strategy"), [(1, None), (2, "spread"), (3, "spread"), (21, "spread"), (22, "partition")]
)
def test_the_placement_group_keeps_hosts_off_each_others_racks(count, strategy):
    assert placement(tuple(host("database", index) for index in range(count))) == strategy


def test_members_of_a_spread_group_are_in_it(database):
    group = database.one("PlacementGroup")
    assert (group.inputs["strategy"], group.inputs["spreadLevel"]) == ("spread", "rack")
    assert all(one.inputs["placementGroup"] == group.name for one in database.of(INSTANCE))


def test_partitions_are_filled_in_turn():
    found = recorded("control", [host("control", index) for index in range(22)])
    assert found.one("PlacementGroup").inputs["partitionCount"] == 7
    for index in (0, 6, 7, 21):
        instance = found.named(f"flashtier-unit-control{index + 1}", INSTANCE)
        assert instance.inputs["placementPartitionNumber"] == index % 7 + 1


def test_user_data_makes_one_account_and_tells_no_secret(database):
    text = database.of(INSTANCE)[0].inputs["userData"]
    assert base64.b64decode(database.one("LaunchTemplate").inputs["userData"]).decode() == text
    assert text.startswith("#cloud-config\n")
    said = yaml.safe_load(text)
    (user,) = said["users"]
    assert (user["name"], user["ssh_authorized_keys"]) == ("operator", ["ssh-ed25519 AAAA me"])
    # Locked, as cloud-init has it where nothing else is said.
    assert not {"passwd", "hashed_passwd", "plain_text_passwd", "lock_passwd"} & user.keys()
    assert said["ssh_pwauth"] is False
    assert said["disable_root"] is True
    assert said["ssh_genkeytypes"] == ["ed25519"]
    assert said["ssh_deletekeys"] is True
    assert said["ssh"]["emit_keys_to_console"] is True
    # At a reboot the image's own settings would take away what the role `base` writes.
    assert (said["preserve_hostname"], said["manage_etc_hosts"]) == (True, False)
    # Debian has a group "operator": a group of the user's own would not be made, nor the user.
    assert (user["no_user_group"], user["primary_group"]) == (True, "users")
    (sudoers,) = said["write_files"]
    assert (sudoers["path"], sudoers["permissions"]) == ("/etc/sudoers.d/flashtier", "0440")
    assert not {"runcmd", "bootcmd", "chpasswd", "ssh_keys", "password"} & {*said, *user}
