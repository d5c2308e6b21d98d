"""tests/hosts against played hosts on EC2, in a process of its own (verify_ec2.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.declared import TREE


def verify(folder: Path, stack: str = "dev", **asked: Any) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.aws.verify_ec2", stack, str(folder)],
        input=json.dumps(asked),
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)
