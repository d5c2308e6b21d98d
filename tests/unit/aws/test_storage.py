"""Keys, buckets and roles: what lies encrypted, closed and versioned, and who alone may write it."""

from __future__ import annotations

import json

import mocks
import pytest
from aws_environments import parsed
from network_parts import OUTPUTS

from infra.aws.keys import Keys
from infra.aws.naming import Naming
from infra.aws.roles import OBJECTS, Roles, document
from infra.aws.storage_buckets import Buckets, tls_only


def recorded(**changes) -> mocks.Recording:
    environment = parsed("prod", **changes)

    def program():
        naming = Naming("unit", environment)
        keys = Keys(naming)
        roles = Roles(naming, Buckets(naming, keys, environment), keys)
        return {tier: roles.instance_profile(tier) for tier in OBJECTS}

    return mocks.run(program, outputs=OUTPUTS)


@pytest.fixture(scope="module")
def found():
    return recorded()


def test_the_key_rotates_and_can_be_called_back(found):
    key = found.one("aws:kms/key:Key").inputs
    assert (key["enableKeyRotation"], key["deletionWindowInDays"]) == (True, 30)
    assert found.one("aws:kms/alias:Alias").inputs["name"] == "alias/flashtier-unit-data"


@pytest.mark.parametrize("what", ["photos", "backups"])
def test_a_bucket_is_closed_encrypted_versioned_and_owned(found, what):
    name = f"flashtier-unit-{what}"
    block = found.named(name, "BucketPublicAccessBlock").inputs
    assert all(
        block[key]
        for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    [rule] = found.named(name, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == found.one("aws:kms/key:Key").arn
    assert rule["bucketKeyEnabled"] is True
    assert found.named(name, "BucketVersioning").inputs["versioningConfiguration"]["status"] == "Enabled"
    assert (
        found.named(name, "BucketOwnershipControls").inputs["rule"]["objectOwnership"]
        == "BucketOwnerEnforced"
    )
    [lifecycle] = found.named(name, "BucketLifecycleConfiguration").inputs["rules"]
    assert lifecycle["abortIncompleteMultipartUpload"]["daysAfterInitiation"] == 7


def test_backups_keep_their_versions_as_long_as_the_archive_says(found):
    [rule] = found.named("flashtier-unit-backups", "BucketLifecycleConfiguration").inputs["rules"]
    kept = parsed("prod").durability.archive.retention_days
    assert rule["noncurrentVersionExpiration"]["noncurrentDays"] == kept


def test_without_tls_a_bucket_gives_nothing():
    [statement] = json.loads(tls_only("arn:aws:s3:::b"))["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_object_lock_is_where_it_was_chosen():
    locked = recorded(durability__archive__object_lock_days=7)
    lock = locked.one("BucketObjectLockConfiguration")
    assert lock.name == "flashtier-unit-backups"
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 7}
    assert locked.named("flashtier-unit-backups", "aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is True
    assert locked.named("flashtier-unit-photos", "aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is False
    assert not recorded(durability__archive__object_lock_days=None).of("BucketObjectLockConfiguration")


@pytest.mark.parametrize("kept", [True, False])
def test_a_bucket_with_objects_goes_only_where_nothing_is_protected(kept):
    for bucket in recorded(aws__deletion_protection=kept).of("aws:s3/bucket:Bucket"):
        assert bucket.options.protect is kept
        assert bucket.inputs["forceDestroy"] is not kept


def test_only_members_may_write_backups_and_only_web_hosts_photos(found):
    allowed = {}
    for policy in found.of("aws:iam/rolePolicy:RolePolicy"):
        tier = policy.name.rpartition("-")[2]
        text = policy.inputs["policy"]
        allowed[tier] = {what for what in ("photos", "backups") if f"flashtier-unit-{what}-1" in text}
    assert allowed == {"web": {"photos"}, "database": {"backups"}}


def test_no_role_may_do_anything_to_everything():
    for tier in OBJECTS:
        for statement in document(tier, "arn:aws:s3:::b", "arn:aws:kms:::key/k")["Statement"]:
            assert statement["Resource"] != "*"
            assert all("*" not in action for action in statement["Action"])
            assert "s3:DeleteObjectVersion" not in statement["Action"]


def test_each_tier_has_a_profile_of_its_own(found):
    assert found.result == {tier: f"flashtier-unit-{tier}" for tier in OBJECTS}
