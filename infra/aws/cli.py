"""The AWS CLI, which carries SSH to hosts on AWS: nothing else of the kit needs it."""

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
#: Endpoint", Limitations; there, too: it carries ports 22 and 3389 alone.
MOST_TUNNELS = 20
#: Seconds that one tunnel lives; the longest that AWS allows.
LONGEST_TUNNEL = 3600
_FIX = "install version 2: docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"


def open_tunnel(proxy: Ec2InstanceConnect, host: ContractHost) -> str:
    """The command that carries one SSH connection to `host` over its standard input and output."""
    if host.instance_id is None:
        raise FlashtierError(f"contract.hosts: {host.name} has no instance_id; run `pulumi up`")
    return (
        "aws ec2-instance-connect open-tunnel"
        f" --instance-id {host.instance_id}"
        f" --instance-connect-endpoint-id {proxy.endpoint_id}"
        f" --region {proxy.region}"
        f" --max-tunnel-duration {LONGEST_TUNNEL}"
    )


def refuse_unfit_cli(stack: str) -> None:
    """Raise `FlashtierError` unless the `aws` on PATH can open a tunnel. Asks AWS nothing."""
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
