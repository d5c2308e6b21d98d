"""Keys, buckets and roles: what lies encrypted, closed and versioned, and who alone may write it."""

from __future__ import annotations

import json

import pytest

from infra.aws.bucket_policy import bucket_policy
from infra.aws.keys import Keys
from infra.aws.naming import Naming
from infra.aws.roles import OBJECTS, Roles, document
from infra.aws.storage_buckets import Buckets
from tests.support.aws import mocks
from tests.support.aws.network_parts import OUTPUTS
from tests.support.aws.whole import whole
from tests.support.aws_environments import parsed
from tests.support.iam import Request, decide


def recorded(**changes) -> mocks.Recording:
    environment = parsed("prod", **changes)

    def program():
        naming = Naming("unit", environment)
        keys = Keys(naming)
        roles = Roles(naming, Buckets(naming, keys), keys)
        return {tier: roles.instance_profile(tier) for tier in OBJECTS}

    return mocks.run(program, answers=mocks.ANSWERS, outputs=OUTPUTS)


@pytest.fixture(scope="module")
def found():
    return recorded()


@pytest.mark.parametrize("what", ["data", "backups", "alarms"])
def test_a_key_rotates_is_protected_where_data_hangs_on_it_and_can_be_called_back(found, what):
    key = found.named(f"flashtier-unit-{what}", "Key")
    assert (key.inputs["enableKeyRotation"], key.inputs["deletionWindowInDays"]) == (True, 30)
    assert key.options.protect is (what != "alarms")
    alias = found.named(f"flashtier-unit-{what}", "Alias").inputs
    assert alias["name"] == f"alias/flashtier-unit-{what}"


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
    key = found.named(f"flashtier-unit-{ {'photos': 'data'}.get(what, what) }", "Key")
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == key.arn
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
    statement = json.loads(bucket_policy("arn:aws:s3:::b", None))["Statement"][0]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


ARN = "arn:aws:s3:::b"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
#: What each single upload has: S3 sets the key for PutObject and for the completion of a multipart upload.
UPLOAD = {"aws:securetransport": "true", "s3:objectcreationoperation": "true", "s3:if-none-match": "*"}
CUSTOMER = "s3:x-amz-server-side-encryption-customer-algorithm"


def put(writer: str | None, context: dict) -> bool:
    """Whether someone who may do everything may write an object into the bucket."""
    policy = json.loads(bucket_policy(ARN, writer))
    return decide([EVERYTHING, policy], Request("s3:PutObject", f"{ARN}/1/a.jpg", context)) == "allow"


@pytest.mark.parametrize("writer", [None, "arn:aws:iam::1:role/members"])
def test_an_object_is_encrypted_by_the_bucket_and_under_no_key_that_the_writer_brings(writer):
    who = {"aws:principalarn": writer} if writer else {}
    upload = {**UPLOAD, **who}
    assert put(writer, upload)
    assert put(writer, {**upload, "s3:x-amz-server-side-encryption": "aws:kms"})
    assert not put(writer, {**upload, "s3:x-amz-server-side-encryption": "AES256"})
    assert not put(writer, {**upload, CUSTOMER: "AES256"})


def test_no_photo_is_overwritten():
    assert put(None, UPLOAD)
    assert not put(None, {key: value for key, value in UPLOAD.items() if key != "s3:if-none-match"})
    # Parts of an upload take no condition; its completion does.
    assert put(None, {"aws:securetransport": "true", "s3:objectcreationoperation": "false"})


def test_pgbackrest_overwrites_its_own_files():
    """backup.info and archive.info are written again with each backup."""
    members = "arn:aws:iam::1:role/members"
    assert put(members, {"aws:securetransport": "true", "aws:principalarn": members})


def test_logs_are_under_no_key_that_a_writer_brings(whole_prod):
    policy = json.loads(whole_prod.named("flashtier-prod-edge-log", "BucketPolicy").inputs["policy"])
    request = Request(
        "s3:PutObject",
        "arn:aws-us-gov:s3:::flashtier-prod-edge-log-1/x",
        {"aws:securetransport": "true", CUSTOMER: "AES256"},
    )
    assert decide([EVERYTHING, policy], request) == "deny"


@pytest.fixture(scope="module")
def whole_prod():
    return whole("prod").recorded


SETTINGS = (
    "BucketPublicAccessBlock",
    "BucketOwnershipControls",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "BucketPolicy",
    "BucketLifecycleConfiguration",
)


@pytest.mark.parametrize("what", ["photos", "backups"])
def test_a_bucket_that_stays_keeps_its_settings_and_its_key(found, what):
    name = f"flashtier-unit-{what}"
    bucket = found.named(name, "aws:s3/bucket:Bucket")
    key = found.named(f"flashtier-unit-{ {'photos': 'data'}.get(what, what) }", "Key")
    # The key is deleted after the bucket; a bucket that S3 does not delete ends the destruction before it.
    assert bucket.depends_on(key)
    for setting in (found.named(name, type_) for type_ in SETTINGS):
        assert setting.options.protect
        assert setting.options.retainOnDelete


def test_only_the_members_write_or_delete_backups(found):
    policies = {
        what: json.loads(found.named(f"flashtier-unit-{what}", "BucketPolicy").inputs["policy"])["Statement"]
        for what in ("photos", "backups")
    }
    [only] = [statement for statement in policies["backups"] if statement["Sid"] == "OneWriterOnly"]
    role = found.named("flashtier-unit-database", "Role").inputs["name"]
    arn = f"arn:{mocks.PARTITION}:iam::{mocks.ACCOUNT}:role/{role}"
    assert only["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": arn}}
    assert (only["Effect"], only["Principal"]) == ("Deny", "*")
    assert {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"} == set(only["Action"])
    assert "OneWriterOnly" not in {statement["Sid"] for statement in policies["photos"]}


def test_object_lock_is_where_it_was_chosen():
    locked = recorded(durability__archive__object_lock_days=7)
    lock = locked.one("BucketObjectLockConfiguration")
    assert lock.name == "flashtier-unit-backups"
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 7}
    assert lock.inputs["objectLockEnabled"] == "Enabled"
    # On the bucket itself it could not change without a new bucket.
    assert not any("objectLockEnabled" in one.inputs for one in locked.of("aws:s3/bucket:Bucket"))
    assert not recorded(durability__archive__object_lock_days=None).of("BucketObjectLockConfiguration")


@pytest.mark.parametrize("kept", [True, False])
def test_no_bucket_goes_away_with_what_is_in_it(kept):
    for bucket in recorded(aws__deletion_protection=kept).of("aws:s3/bucket:Bucket"):
        assert bucket.options.protect
        assert bucket.inputs["forceDestroy"] is False


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


def test_who_read_a_backup_is_logged_once_the_log_may_be_written():
    made = whole("prod").recorded
    [log] = made.of("BucketLogging")
    assert (log.inputs["bucket"], log.inputs["targetPrefix"]) == ("flashtier-prod-backups-1", "s3/backups/")
    assert log.inputs["targetBucket"] == made.named("flashtier-prod-edge-log", "aws:s3/bucket:Bucket").id
    assert log.depends_on(made.named("flashtier-prod-edge-log", "BucketPolicy"))
