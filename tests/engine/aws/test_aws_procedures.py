"""The procedures of docs/tasks/deploy-to-aws.md, run to their end on the stand-in with objects in the
buckets.

The tests of a stack build on each other, in their order. What AWS would allow to whom is evaluated by
tests/support/iam.py from the policies that the stack has made; moto evaluates no conditions.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from tests.engine.aws.cloud import BASE, account, client
from tests.engine.aws.environments import Environment

OBJECTS = {"photos": "1/ab.jpg", "backups": "archive/main/17-1/000000010000000000000001.gz"}


def flashtier(stack: Environment, *arguments: str) -> str:
    """Run the kit's command as an operator does."""
    done = subprocess.run(
        [Path(sys.executable).parent / "flashtier", *arguments, "-s", stack.name],
        cwd=ROOT,
        env={**stack.variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def buckets(stack: Environment) -> dict[str, str]:
    """Names of the buckets, by what they hold."""
    return {what: stack.outputs(f"Bucket::flashtier-{stack.name}-{what}")["id"] for what in OBJECTS}


def key_states(stack: Environment) -> dict[str, str]:
    """State of the keys of data and backups at KMS, by name."""
    kms = client(stack.endpoint, "kms", stack.region)
    return {
        name: kms.describe_key(KeyId=stack.outputs(f"Key::flashtier-{stack.name}-{name}")["id"])[
            "KeyMetadata"
        ]["KeyState"]
        for name in ("data", "backups")
    }


def settings(stack: Environment, bucket: str) -> dict[str, Any]:
    """What guards a bucket, asked with boto3."""
    s3 = client(stack.endpoint, "s3", stack.region)
    return {
        "policy": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
        "public": s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
        "encryption": s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"],
        "versioning": s3.get_bucket_versioning(Bucket=bucket)["Status"],
        "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
    }


def readable(stack: Environment, names: dict[str, str]) -> bool:
    s3 = client(stack.endpoint, "s3", stack.region)
    found = []
    for what, key in OBJECTS.items():
        with without_policy(s3, names[what]):
            found.append(s3.get_object(Bucket=names[what], Key=key)["Body"].read())
    return found == [b"kept"] * len(OBJECTS)


@contextlib.contextmanager
def without_policy(s3: Any, bucket: str) -> Iterator[None]:
    """moto takes a denial with a condition for one without."""
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    yield
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def empty(stack: Environment, bucket: str) -> None:
    """Delete the policy and every version, as the page's last section does."""
    s3 = client(stack.endpoint, "s3", stack.region)
    s3.delete_bucket_policy(Bucket=bucket)
    held = s3.list_object_versions(Bucket=bucket)
    for one in [*held.get("Versions", []), *held.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


@pytest.fixture(scope="module")
def dev(endpoint: str, home: Path, resolver: str) -> Environment:
    return Environment(BASE / "procedures-dev", "dev", endpoint, home, resolver)


@pytest.fixture(scope="module")
def before(dev: Environment) -> set[str]:
    """What the region holds before the environment."""
    return account(dev.endpoint, dev.region)


@pytest.fixture(scope="module")
def filled(dev: Environment, before: set[str]) -> dict[str, str]:
    """The buckets of an environment that is up, with an object in each."""
    dev.up()
    s3 = client(dev.endpoint, "s3", dev.region)
    names = buckets(dev)
    for what, key in OBJECTS.items():
        with without_policy(s3, names[what]):
            s3.put_object(Bucket=names[what], Key=key, Body=b"kept", IfNoneMatch="*")
    return names


@pytest.fixture(scope="module")
def guarded(dev: Environment, filled: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {name: settings(dev, name) for name in filled.values()}


def test_tearing_down_keeps_the_buckets_their_settings_and_their_keys(
    dev: Environment, before: set[str], filled: dict[str, str], guarded: dict[str, dict[str, Any]]
) -> None:
    released = flashtier(dev, "unprotect")
    assert "flashtier-dev-db1" in released
    assert "photos" not in released
    dev.must("destroy", "--exclude-protected", "--yes", "--skip-preview")
    left = account(dev.endpoint, dev.region) - before
    assert {one.split()[0] for one in left} == {"Buckets", "Keys"}, left
    assert len(left) == 4, left
    assert key_states(dev) == {"data": "Enabled", "backups": "Enabled"}
    assert {name: settings(dev, name) for name in filled.values()} == guarded
    assert readable(dev, filled)


def test_bringing_it_up_again_takes_the_same_buckets(
    dev: Environment, filled: dict[str, str], guarded: dict[str, dict[str, Any]]
) -> None:
    dev.up()
    assert buckets(dev) == filled
    assert {name: settings(dev, name) for name in filled.values()} == guarded
    assert readable(dev, filled)


def test_a_bucket_that_is_not_empty_keeps_its_key_and_settings_even_unprotected(
    dev: Environment, filled: dict[str, str], guarded: dict[str, dict[str, Any]]
) -> None:
    """What the page warns of: everything is unprotected at once."""
    dev.must("state", "unprotect", "--all", "--yes")
    assert "BucketNotEmpty" in dev.refused("destroy", "--yes", "--skip-preview")
    assert key_states(dev) == {"data": "Enabled", "backups": "Enabled"}
    assert {name: settings(dev, name) for name in filled.values()} == guarded
    assert readable(dev, filled)


def test_deleting_the_data_as_well_leaves_nothing(
    dev: Environment, before: set[str], filled: dict[str, str]
) -> None:
    for name in filled.values():
        empty(dev, name)
    dev.must("destroy", "--yes", "--skip-preview")
    assert account(dev.endpoint, dev.region) - before == set()
