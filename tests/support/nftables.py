"""A host's rendered firewall in a real nftables, in a network namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from infra.contract import Contract
from tests.support.rendered import render

#: A namespace in which anyone may be root of the network, and nothing of the machine's own rules is seen.
NAMESPACE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")


def loaded(contract: Contract, host: str) -> list[Any]:
    # nft wants to know an account that rules name; the app's is not on this machine.
    text = render(contract, host, "base", "nftables.conf.j2").replace("photo-api", "nobody")
    # Twice: the file must replace what it loaded before, not add to it.
    load = f"nft --file - <<'END'\n{text}\nEND\n"
    script = f"{load}{load}nft --json list ruleset"
    done = subprocess.run(
        [*NAMESPACE, "sh", "-ec", script], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    rules: list[Any] = json.loads(done.stdout)["nftables"]
    return rules
