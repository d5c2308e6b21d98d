"""Where the object of a photo is, on each platform: on the store's volume, or in a bucket of S3."""

from __future__ import annotations

import hashlib
from typing import Protocol

import pytest

from infra.contract import Contract
from tests.hosts.cloud import Cloud
from tests.hosts.snapshot import Hosts


class Store(Protocol):
    """Objects of photos, by the hash of their bytes: finds and removes what a test has written."""

    def objects(self, user: int, sha256: str) -> list[str]: ...
    def remove(self, user: int, sha256: str) -> None: ...


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Gateway:
    """Files on the volume that is declared for the gateway's host."""

    def __init__(self, contract: Contract, hosts: Hosts) -> None:
        host = next(host for host in contract.hosts if "s3" in host.components)
        self._host, self._hosts = host.name, hosts
        self._folder = next(placed.path for placed in host.placements if placed.purpose == "repository")

    def objects(self, user: int, sha256: str) -> list[str]:
        found = self._hosts.run(self._host, "find %s -xdev -type f -name %s", self._folder, f"{sha256}.jpg")
        return found.split()

    def remove(self, user: int, sha256: str) -> None:
        for path in self.objects(user, sha256):
            self._hosts.run(self._host, "rm -- %s", path)


class Bucket:
    """Objects in S3, read with the operator's credentials: hosts may remove no version.

    All versions are removed, so that nothing of a verification is left.
    """

    def __init__(self, bucket: str, cloud: Cloud) -> None:
        self._bucket, self._cloud = bucket, cloud

    def _versions(self, user: int, sha256: str) -> list[dict[str, str]]:
        found = self._cloud.ask(
            "s3api", "list-object-versions", Bucket=self._bucket, Prefix=f"{user}/{sha256}.jpg"
        )
        return [*found.get("Versions", []), *found.get("DeleteMarkers", [])]

    def objects(self, user: int, sha256: str) -> list[str]:
        return [version["Key"] for version in self._versions(user, sha256)]

    def remove(self, user: int, sha256: str) -> None:
        for version in self._versions(user, sha256):
            fault = self._cloud.refusal(
                "s3api",
                "delete-object",
                Bucket=self._bucket,
                Key=version["Key"],
                VersionId=version["VersionId"],
            )
            if fault:
                pytest.fail(
                    f"s3://{self._bucket}/{version['Key']}: cannot be removed: {fault}", pytrace=False
                )
