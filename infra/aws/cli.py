"""The AWS CLI, which carries SSH to hosts on AWS."""

from __future__ import annotations

import re
import shutil
import subprocess

from infra.contract import ContractHost, Ec2InstanceConnect
from infra.errors import FlashtierError

#: The first release with `ec2-instance-connect open-tunnel`.
NEEDED = (2, 12)
#: Seconds that `aws --version` may take: its first start reads all of its Python.
_DEADLINE = 20
#: Tunnels that one endpoint carries at a time. Source: EC2 user guide, "Connect using EC2 Instance Connect
#: Endpoint", Limitations; there, too: it carries ports 22 and 3389 alone, and throttles bulk data.
MOST_TUNNELS = 20
#: Seconds that one tunnel lives; the longest that AWS allows. A run that takes longer ends with unreachable
#: hosts; the next run continues where it stopped.
LONGEST_TUNNEL = 3600
#: Seconds that SSH waits for a connection through a tunnel. The AWS CLI takes 1 to 2 s of processor time to
#: start, and a playbook starts one for each host at once: 20 on 2 cores take up to 20 s before the first
#: byte.
CONNECT_S = 60
_FIX = "install version 2: docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"


def open_tunnel(proxy: Ec2InstanceConnect, host: ContractHost) -> str:
    """The command that carries one SSH connection to `host` over its standard input and output.

    With address, endpoint and its name given, the CLI calls neither DescribeInstances nor
    DescribeInstanceConnectEndpoints, which EC2 throttles. Source: aws-cli, ec2instanceconnect/opentunnel.py.
    """
    return (
        "aws ec2-instance-connect open-tunnel"
        f" --private-ip-address {host.address}"
        f" --instance-connect-endpoint-id {proxy.endpoint_id}"
        f" --instance-connect-endpoint-dns-name {proxy.dns_name}"
        f" --region {proxy.region}"
        f" --max-tunnel-duration {LONGEST_TUNNEL}"
    )


def refuse_unfit_cli(stack: str) -> None:
    """Raise `FlashtierError` unless the `aws` on PATH can open a tunnel. Calls nothing of AWS."""
    wanted = f"stack {stack} is reached through the AWS CLI, version {'.'.join(map(str, NEEDED))} or newer"
    if not (program := shutil.which("aws")):
        raise FlashtierError(f"aws: is not on PATH; {wanted}; {_FIX}")
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FlashtierError(f"{program} --version: {error}; {wanted}; {_FIX}") from error
    said = (done.stdout or done.stderr).strip()
    found = re.match(r"aws-cli/(\d+)\.(\d+)", said)
    if not found:
        said = said.splitlines()[-1] if said else "nothing"
        raise FlashtierError(f"{program} --version: says {said!r}; {wanted}; {_FIX}")
    if (int(found[1]), int(found[2])) < NEEDED:
        raise FlashtierError(f"{program}: is {found[0].removeprefix('aws-cli/')}; {wanted}; {_FIX}")
