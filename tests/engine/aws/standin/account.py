"""The AWS account behind the stand-in: clients of boto3, each call validated, each change held against the
laws."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from standin import convert, laws
from standin.row import Refused, Values

#: Error codes that say that an object is not there.
_GONE = ("NotFound", "NoSuch", "Unknown", "404", "InvalidAllocationID", "WAFNonexistentItem")
_LOOKS = ("describe_", "get_", "list_", "head_")


def is_gone(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    code = error.response["Error"]["Code"]
    return any(word in code for word in _GONE)


def shown(error: ClientError | Refused, service: str, operation: str) -> str:
    """An error as the provider passes it on: the text of the SDK for Go, version 2."""
    if isinstance(error, Refused):
        status, text = 500 if error.code.startswith("Insufficient") else 400, f"{error.code}: {error.message}"
    else:
        answer = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        text = f"{answer['Error']['Code']}: {answer['Error']['Message']}"
    name = "".join(word.title() for word in operation.split("_"))
    return (
        f"operation error {convert.service_id(service)}: {name}, https response error StatusCode: {status}, "
        f"RequestID: {uuid.uuid4()}, api error {text}"
    )


class Account:
    """`full`: zones in which no host can be had."""

    def __init__(self, records: Path, full: frozenset[str] = frozenset()) -> None:
        self.full = full
        self.region = ""
        self.number = ""
        self.default_tags: dict[str, str] = {}
        self._session = boto3.Session(botocore_session=convert.SESSION)
        self._clients: dict[str, Any] = {}
        #: Where the resources are recorded that moto does not have.
        self._records = records

    def client(self, service: str) -> Any:
        with convert.LOCK:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service,
                    region_name=self.region,
                    config=Config(
                        connect_timeout=5,
                        read_timeout=60,
                        retries={"total_max_attempts": 2},
                        max_pool_connections=32,
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._clients[service]

    def call(self, service: str, operation: str, **request: Any) -> Values:
        """Raises `Bad`, `Refused` and boto3's errors, the last two with the text that the provider shows."""
        convert.validate(service, operation, request)
        try:
            if not operation.startswith(_LOOKS):
                laws.uphold(self, service, operation, request)
                self._log(service, operation, request)
            return getattr(self.client(service), operation)(**request)
        except (Refused, ClientError) as error:
            error.args = (shown(error, service, operation),)
            raise

    def _log(self, service: str, operation: str, request: Values) -> None:
        """Each change that was asked for, a line: tests check who may make it."""
        self._records.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"service": service, "operation": operation, "request": request}, default=str)
        with (self._records / "calls.jsonl").open("a") as file:
            file.write(line + "\n")

    def look(self, service: str, operation: str, **request: Any) -> Values | None:
        """As `call`, and None where the object is not there."""
        try:
            return self.call(service, operation, **request)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def arn(self, service: str, rest: str, *, region: bool = True) -> str:
        return f"arn:aws:{service}:{self.region if region else ''}:{self.number}:{rest}"

    # What moto does not have.

    def record(self, identity: str, values: Values) -> None:
        self._records.mkdir(parents=True, exist_ok=True)
        self._file(identity).write_text(json.dumps(values))

    def recorded(self, identity: str) -> Values | None:
        file = self._file(identity)
        return json.loads(file.read_text()) if file.exists() else None

    def records(self, create: str) -> dict[str, Values]:
        """The recorded objects that operation `create` made, by identity."""
        every = {file.stem: json.loads(file.read_text()) for file in sorted(self._records.glob("*.json"))}
        return {identity: values for identity, values in every.items() if values["Create"] == create}

    def forget(self, identity: str) -> None:
        self._file(identity).unlink(missing_ok=True)

    def _file(self, identity: str) -> Path:
        return self._records / f"{identity}.json"
