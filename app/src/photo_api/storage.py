"""Photos' bytes in S3. Keys follow from the content, so that writing the same photo twice is one object."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from photo_api.instance_profile import InstanceProfile
from photo_api.metrics import Metrics
from photo_api.problems import Problem, storage_unavailable
from photo_api.settings import ConfigurationError, Credentials, Settings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef

log = logging.getLogger(__name__)

_CHUNK_BYTES = 64 * 1024


def object_key(user_id: int, sha256: bytes) -> str:
    """One key a user and content: an upload that is repeated, or failed after this step, leaves no second object."""
    return f"{user_id}/{sha256.hex()}.jpg"


class Storage:
    """The bucket, by one client for the life of the process. Every call has a deadline and at most one retry."""

    def __init__(self, client: S3Client, bucket: str, metrics: Metrics) -> None:
        self._client = client
        self._bucket = bucket
        self._metrics = metrics

    async def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """Store `data` unless the key is there; S3 verifies the checksum before it answers. Raises `Problem` (503).

        An object is never overwritten: its key follows from its bytes, so what is there is the same.
        """
        async with self._call("put"):
            try:
                await self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=data,
                    ContentType="image/jpeg",
                    ChecksumSHA256=base64.b64encode(sha256).decode(),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if _code(error) != "PreconditionFailed":
                    raise

    async def get(self, key: str, part: tuple[int, int] | None = None) -> AsyncIterator[bytes]:
        """The object's bytes, in pieces: all, or from the first to the last of `part`.

        Raises `Problem`: 503, or 500 when a stored photo is not there.
        """
        asked: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key}
        if part is not None:
            asked["Range"] = f"bytes={part[0]}-{part[1]}"
        try:
            async with self._call("get"):
                answer = await self._client.get_object(**asked)
        except Problem as problem:
            if isinstance(cause := problem.__cause__, ClientError) and _code(cause) == "NoSuchKey":
                log.error("object %s of a stored photo is missing from bucket %s", key, self._bucket)
                raise Problem(500, "photo-lost", "the photo's file is missing; it has been logged") from cause
            raise
        return _pieces(answer)

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already. Raises `Problem` (503)."""
        async with self._call("delete"):
            await self._client.delete_object(Bucket=self._bucket, Key=key)

    async def check(self) -> None:
        """Raises `Problem` (503) unless the bucket answers."""
        async with self._call("head_bucket"):
            await self._client.head_bucket(Bucket=self._bucket)

    @asynccontextmanager
    async def _call(self, operation: str) -> AsyncIterator[None]:
        begun, outcome = time.perf_counter(), "error"
        try:
            yield
            outcome = "ok"
        except ClientError as error:
            log.warning("S3 %s refused: %s", operation, error)
            raise storage_unavailable(f"{operation} was refused ({_code(error)})") from error
        except BotoCoreError as error:
            log.warning("S3 %s failed: %s", operation, error)
            raise storage_unavailable(f"{operation} failed ({type(error).__name__})") from error
        finally:
            self._metrics.storage.labels(operation, outcome).observe(time.perf_counter() - begun)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


async def _pieces(answer: GetObjectOutputTypeDef) -> AsyncIterator[bytes]:
    async with answer["Body"] as body:
        while piece := await body.read(_CHUNK_BYTES):
            yield piece


@asynccontextmanager
async def open_storage(settings: Settings, credentials: Credentials, metrics: Metrics) -> AsyncIterator[Storage]:
    """A client for the bucket. Connects at first use: an S3 that is down does not keep the API from starting."""
    session = get_session()
    access = secret = None
    if settings.s3_credentials == "instance-profile":
        session.register_component("credential_provider", InstanceProfile())
    elif credentials.s3_access_key and credentials.s3_secret_key:
        access, secret = credentials.s3_access_key.get_secret_value(), credentials.s3_secret_key.get_secret_value()
    else:
        raise ConfigurationError(f"PHOTO_API_S3_CREDENTIALS = {settings.s3_credentials}: the two keys are missing")
    async with session.create_client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        verify=str(settings.s3_ca_file),
        config=AioConfig(
            connect_timeout=settings.s3_connect_timeout,
            read_timeout=settings.s3_read_timeout,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=50,
            s3={"addressing_style": settings.s3_addressing},
        ),
    ) as client:
        yield Storage(client, settings.s3_bucket, metrics)
