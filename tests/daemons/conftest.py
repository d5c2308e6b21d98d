"""The daemons of a running stack ($FLASHTIER_STACK) check the files that hosts on AWS get.

    pytest tests/daemons        # as root, on the machine of the stack; under a minute

AWS is not called and nothing of the stack changes: inside/ has every file in a view of its own.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.contract import Contract, ContractHost
from infra.local import names
from infra.reach.sent import program
from infra.stack.outputs import read_contract
from tests.daemons import aws
from tests.hosts.snapshot import stack_name

#: Seconds for all checks on one running host.
DEADLINE = 400
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")

Answers = dict[tuple[str, str], dict[aws.Planned, str]]


def ask(keys: list[tuple[str, str]], living: Contract, place: ContractHost) -> Answers:
    """The faults that daemons on one running host report of files of hosts on AWS, "" for accepted ones."""
    done = subprocess.run(
        [
            *("lxc", "exec", "--project", names.project(living.stack), place.name, "--"),
            *("timeout", "--kill-after=5", str(DEADLINE), *ALONE),
            *("python3", "-c", program("tests.daemons.inside", "answer(json.load(sys.stdin))")),
        ],
        input=json.dumps(aws.question(keys, living, place)),
        capture_output=True,
        text=True,
        timeout=DEADLINE + 30,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"on {place.name}: rc {done.returncode}: {done.stderr[-1500:]}", pytrace=False)
    found = json.loads(done.stdout)
    return {
        key: dict(zip(aws.plan()[key], faults, strict=True)) for key, faults in zip(keys, found, strict=True)
    }


@pytest.fixture(scope="session")
def answers() -> Answers:
    living = read_contract(stack_name())
    places: dict[str, list[tuple[str, str]]] = {}
    for stack, name in aws.plan():
        place = aws.place_for(aws.aws_contract(stack).host(name), living)
        places.setdefault(place.name, []).append((stack, name))
    with ThreadPoolExecutor(max_workers=2) as pool:
        asked = pool.map(lambda item: ask(item[1], living, living.host(item[0])), places.items())
        return {key: faults for answered in asked for key, faults in answered.items()}
