"""What AWS's errors mean for an environment and what to do: one line beside each error of `pulumi up`.

The provider passes AWS's message on, which names a code and no key of the declaration. Pulumi calls a hook
of the program for each operation that fails; the hook reads the code and logs the line. It asks for no
retry: the provider has made its own, and the next `pulumi up` goes on from what was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

#: Where the codes of EC2 are explained.
_EC2 = 'Amazon EC2 API reference, "Error codes for the Amazon EC2 API"'
#: The procedures of an operator.
PAGE = "docs/tasks/deploy-to-aws.md"


@dataclass(frozen=True)
class Meaning:
    """Why AWS answers with a code, what to do, and where the code was read."""

    cause: str
    fix: str
    source: str


_QUOTA = Meaning(
    "a quota of the account in this region is used up",
    "ask for more in Service Quotas, or remove what else in the account takes it",
    _EC2,
)
_KIT = Meaning(
    "AWS does not take these parameters together, which no declaration repairs",
    "report it as a fault of flashtier, with AWS's message",
    f"{_EC2}; terraform-provider-aws #32614, pulumi-aws #2506",
)
_ACCOUNT = Meaning(
    "AWS has not activated the account for this region yet",
    "wait for AWS's e-mail, up to 4 hours, then run `pulumi up` again; after that ask AWS's support",
    f"{_EC2}; splunk/attack_range #1367",
)
_RIGHT = Meaning(
    "the role that deploys may not do this, or a guard denies it",
    "compare its policy with docs/ci/aws/up.json; what keep-data denies is done by an administrator or as "
    f"break-glass ({PAGE})",
    f"{_EC2}; IAM user guide, troubleshooting access denied errors",
)
_SESSION = Meaning(
    "the credentials expired while it ran",
    "sign in again, for longer if you can, and run `pulumi up` again",
    f"{_EC2}; pulumi-aws #3866",
)
_RATE = Meaning(
    "the account makes more calls than AWS takes at a time",
    "run `pulumi up --parallel 8` in some minutes",
    _EC2,
)

#: By code.
MEANINGS: Mapping[str, Meaning] = {
    "InsufficientInstanceCapacity": Meaning(
        "the zone has no host of this type to give at the moment",
        "run `pulumi up` again in some minutes; if it lasts, declare another instance_type for the tier or, "
        "before any host exists, other aws.zones",
        f"{_EC2}; commonwarexyz/monorepo #2859",
    ),
    "InsufficientVolumeCapacity": Meaning(
        "the zone has no room for a volume of this class at the moment",
        "run `pulumi up` again in some minutes; if it lasts, declare another class for the volume",
        f"{_EC2}; terraform-provider-aws #42890",
    ),
    "Unsupported": Meaning(
        "the zone does not take this request, mostly because it lacks the instance type",
        "declare another instance_type for the tier or, before any host exists, other aws.zones",
        f"{_EC2}; ned1313/Getting-Started-Terraform #44",
    ),
    "VcpuLimitExceeded": Meaning(
        "the account's quota of vCPUs for types of this kind is used up",
        'ask for more of "Running On-Demand ... instances" in Service Quotas; `pulumi preview` counts what '
        "is needed",
        f"{_EC2}; aws/amazon-cloudwatch-agent-test #256",
    ),
    "InstanceLimitExceeded": _QUOTA,
    "AddressLimitExceeded": _QUOTA,
    "VpcLimitExceeded": _QUOTA,
    "NatGatewayLimitExceeded": _QUOTA,
    "VolumeLimitExceeded": _QUOTA,
    "MaxIOPSLimitExceeded": _QUOTA,
    "InvalidParameterCombination": _KIT,
    "InvalidParameterDependency": _KIT,
    "MissingParameter": _KIT,
    "PendingVerification": _ACCOUNT,
    "OptInRequired": _ACCOUNT,
    "UnauthorizedOperation": _RIGHT,
    "AccessDenied": _RIGHT,
    "AccessDeniedException": _RIGHT,
    "ExpiredToken": _SESSION,
    "ExpiredTokenException": _SESSION,
    "RequestExpired": _SESSION,
    "RequestLimitExceeded": _RATE,
    "Throttling": _RATE,
    "ThrottlingException": _RATE,
    "OperationNotPermitted": Meaning(
        "the host is protected against being stopped or terminated",
        f'follow "Replace a guarded host" or "Tear down" of {PAGE}',
        _EC2,
    ),
    "CNAMEAlreadyExists": Meaning(
        "another distribution of CloudFront has this name, in this account or another",
        "remove the name there, or declare `aws.cdn: none`",
        "Amazon CloudFront API reference, CreateDistribution; aws-controllers-k8s/community #2944",
    ),
}

#: A code as the provider shows it: "api error CODE: ...", for some services "RequestID: ..., CODE: ...", and
#: in the reason for which an instance ended "Client.CODE: ..." or "Server.CODE: ...".
_CODE = re.compile(rf"(?<![\w.])(?:Client\.|Server\.)?({'|'.join(MEANINGS)}): ")


def code_in(error: str) -> str | None:
    """The first known code that an error of the provider names."""
    found = _CODE.search(error)
    return found[1] if found else None


def advice(name: str, code: str) -> str:
    """One line for the resource `name` that AWS refused with a known code."""
    meaning = MEANINGS[code]
    return (
        f"{name}: {code}: {meaning.cause}; {meaning.fix}. "
        "What was made stays: the next `pulumi up` goes on from there"
    )


class Advise:
    """The hook's function: logs the advice once for each code, since many resources meet the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __call__(self, failed: pulumi.ErrorHookArgs) -> bool:
        """False: Pulumi does not try the operation again."""
        code = code_in(failed.errors[0]) if failed.errors else None
        if code and code not in self._given:
            self._given.add(code)
            pulumi.log.warn(advice(failed.name, code))
        return False
