"""AWS's errors in the forms in which the provider passes them on, and the line that says what to do."""

from __future__ import annotations

import pulumi
import pytest

from infra.aws import provider_errors
from infra.aws.provider_errors import MEANINGS, PAGE, Advise, advice, code_in
from infra.paths import ROOT
from tests.support.aws.whole import whole

RUN = "1 error occurred:\n\t* creating EC2 Instance: operation error EC2: RunInstances, "
HTTP = "https response error StatusCode: 400, RequestID: 3f0c6d0e-6f5e-4f0e-9b1a-1c1d5d5f8a11, "
#: Where each form was seen, the error in it with the kit's own values, and its code. Forms of the SDK for Go,
#: version 2, unless another is named.
FORMS = {
    "one attempt (ned1313/Getting-Started-Terraform #44)": (
        f"{RUN}{HTTP}api error Unsupported: Your requested instance type (i7i.4xlarge) is not supported in "
        "your requested Availability Zone (us-east-1e).",
        "Unsupported",
    ),
    "attempts used up (terraform-provider-aws #37568)": (
        f"{RUN}exceeded maximum number of attempts, 25, {HTTP.replace('400', '500')}api error "
        "InsufficientInstanceCapacity: We currently do not have sufficient t4g.small capacity in the "
        "Availability Zone you requested (eu-west-1a).",
        "InsufficientInstanceCapacity",
    ),
    "version 1 (red-hat-storage/ocs-ci #9263)": (
        "creating EC2 Instance: InsufficientInstanceCapacity: We currently do not have sufficient m6i.xlarge "
        "capacity in the Availability Zone you requested (us-east-2a).\n\tstatus code: 500, request id: 889d",
        "InsufficientInstanceCapacity",
    ),
    "vCPUs (aws/amazon-cloudwatch-agent-test #256)": (
        f"{RUN}{HTTP}api error VcpuLimitExceeded: You have requested more vCPU capacity than your current "
        "vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to.",
        "VcpuLimitExceeded",
    ),
    "Elastic IPs (openshift/installer #1695)": (
        f"creating EC2 EIP: operation error EC2: AllocateAddress, {HTTP}api error AddressLimitExceeded: The "
        "maximum number of addresses has been reached.",
        "AddressLimitExceeded",
    ),
    "a combination (terraform-provider-aws #32614)": (
        f"{RUN}{HTTP}api error InvalidParameterCombination: Network interfaces and an instance-level subnet "
        "ID may not be specified on the same request",
        "InvalidParameterCombination",
    ),
    "why an instance ended (hashicorp/terraform #14479)": (
        "waiting for EC2 Instance (i-0b8fd72e0b6c46a5a) create: unexpected state 'terminated', wanted target "
        "'running'. last error: Client.VolumeLimitExceeded: Volume limit exceeded",
        "VolumeLimitExceeded",
    ),
    "the same, on AWS's side": (
        "last error: Server.InsufficientInstanceCapacity: Insufficient capacity to satisfy instance request",
        "InsufficientInstanceCapacity",
    ),
    "an error with a type of its own (aws-controllers-k8s/community #2944)": (
        "creating CloudFront Distribution: operation error CloudFront: CreateDistribution, "
        f"{HTTP.replace('400', '409')}CNAMEAlreadyExists: One or more of the CNAMEs you provided are already "
        "associated with a different resource.",
        "CNAMEAlreadyExists",
    ),
    "the account (splunk/attack_range #1367)": (
        f"{RUN}{HTTP}api error PendingVerification: Your request for accessing resources in this region is "
        "being validated",
        "PendingVerification",
    ),
    "a session (pulumi-aws #3866)": (
        f"operation error STS: GetCallerIdentity, {HTTP.replace('400', '403')}api error ExpiredToken: The "
        "security token included in the request is expired",
        "ExpiredToken",
    ),
}
OTHERS = {
    "a code that is not known": f"{RUN}{HTTP}api error InvalidAMIID.NotFound: The image id does not exist",
    "a longer code": f"{RUN}{HTTP}api error UnsupportedOperation: The instance type lacks this",
    "a code of which a known one is the end": f"{RUN}{HTTP}api error Instance.Unsupported: no",
    "a word of a message": "the provider says that Unsupported values end here",
    "nothing": "",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_code_is_found_in_every_form_of_an_error(form: str) -> None:
    error, code = FORMS[form]
    assert code_in(error) == code


@pytest.mark.parametrize("other", OTHERS)
def test_no_code_is_found_where_none_is_known(other: str) -> None:
    assert code_in(OTHERS[other]) is None


@pytest.mark.parametrize("code", MEANINGS)
def test_advice_is_one_line_that_names_resource_code_and_source(code: str) -> None:
    line = advice("flashtier-dev-web1", code)
    assert line.startswith(f"flashtier-dev-web1: {code}: ")
    assert "\n" not in line
    assert "`pulumi up` goes on" in line
    assert "reference" in MEANINGS[code].source


def test_what_advice_points_to_is_there() -> None:
    assert (ROOT / "docs/ci/aws/up.json").is_file()
    headings = (ROOT / PAGE).read_text()
    assert "### Replace a guarded host\n" in headings
    assert "## Tear down" in headings


def failed(code: str, name: str = "flashtier-dev-web1") -> pulumi.ErrorHookArgs:
    """Arguments of a hook for a failed creation; the newest error is the first."""
    errors = [f"{RUN}{HTTP}api error {code}: no", f"{RUN}{HTTP}api error Older: no"]
    return pulumi.ErrorHookArgs("urn", "", name, "aws:ec2/instance:Instance", errors=errors)


def test_a_hook_advises_once_for_a_code_and_never_asks_for_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(provider_errors.pulumi.log, "warn", lines.append)
    advise = Advise()
    codes = ("VcpuLimitExceeded", "VcpuLimitExceeded", "Unsupported", "NotKnown")
    assert [advise(failed(code)) for code in codes] == [False] * len(codes)
    assert [line.split(": ")[1] for line in lines] == ["VcpuLimitExceeded", "Unsupported"]
    assert not advise(pulumi.ErrorHookArgs("urn", "", "web1", "type", errors=[]))


def test_every_resource_of_the_platform_calls_the_hook() -> None:
    """But those of the kit's own plugin, whose errors are one line with what to do."""
    resources = whole("dev", aws__cdn="cloudfront").recorded.resources
    without = {one.type for one in resources if list(one.options.hooks.on_error) != ["aws-errors"]}
    assert without == {"ec2console:index:SshHostKey"}
