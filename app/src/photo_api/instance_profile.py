"""Credentials of an EC2 instance's role, from its metadata service (IMDSv2): there are no keys to keep or to rotate."""

from __future__ import annotations

from typing import Any

from aiobotocore.credentials import AioDeferredRefreshableCredentials
from aiobotocore.utils import AioInstanceMetadataFetcher
from botocore.exceptions import CredentialRetrievalError

METADATA_SERVICE = "http://169.254.169.254/"
#: Seconds.
_TIMEOUT = 1
_ATTEMPTS = 2


class InstanceProfile:
    """The only source that an S3 session asks: not the environment, no file, no container's service.

    Nothing is fetched before the first request, and what could not be fetched is asked for again by the next, so
    that a metadata service that is slow at boot neither keeps the API from starting nor leaves it without credentials.
    They are fetched again from 15 minutes before they end. A host without a role, or one that answers without a token,
    fails the request with `BotoCoreError`.
    """

    def __init__(self, metadata_service: str = METADATA_SERVICE) -> None:
        self._fetcher = AioInstanceMetadataFetcher(
            timeout=_TIMEOUT,
            num_attempts=_ATTEMPTS,
            base_url=metadata_service,
            # Version 1 gives credentials to whoever can make a host send a GET.
            config={"ec2_metadata_v1_disabled": True},
        )

    async def load_credentials(self) -> AioDeferredRefreshableCredentials:
        """Called by the session. Does no I/O."""
        return AioDeferredRefreshableCredentials(refresh_using=self._fetch, method="instance-profile")

    async def _fetch(self) -> dict[str, Any]:
        fetched: dict[str, Any] = await self._fetcher.retrieve_iam_role_credentials()
        if not fetched:
            raise CredentialRetrievalError(
                provider="instance-profile",
                error_msg="the metadata service gives none; does the instance have a profile, and may this user ask?",
            )
        return fetched
