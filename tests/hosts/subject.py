"""What a run of tests/hosts is about: usually the living stack named by $FLASHTIER_STACK.

A drill puts another contract, or hosts that answer from memory, into the configuration's stash.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import requests

from infra.contract import Contract
from tests.hosts.cloud import Cloud
from tests.hosts.facts import Ledger
from tests.hosts.snapshot import Hosts


@dataclass(frozen=True)
class Subject:
    contract: Contract
    #: Who answers; None: the contract's own hosts, over SSH.
    hosts: Hosts | None = None
    #: Who answers for AWS; None: AWS itself, where the platform is AWS.
    cloud: Cloud | None = None
    #: What requests to the edge go through; None: a session of the run's own.
    client: requests.Session | None = None
    #: Whether the run leaves verified.json and prints the table of facts.
    recorded: bool = True


SUBJECT = pytest.StashKey[Subject]()
LEDGER = pytest.StashKey[Ledger]()


def is_partial(config: pytest.Config) -> bool:
    """Whether only some tests were chosen: the books cannot be closed then."""
    chosen = any("::" in argument or argument.endswith(".py") for argument in config.args)
    return bool(chosen or config.option.keyword or config.option.markexpr)
