"""What every part of the probe uses: commands with a deadline, files, device numbers."""

import os
import pathlib
import subprocess

DEADLINE = 20  # seconds for one command


def run(*command, allowed=(0,)):
    """Standard output of a command; raises when it fails or hangs."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command[:3])}: rc {done.returncode}: {done.stderr.strip()[:300]}")
    return done.stdout


def lines(text):
    """Lines that say something: no comments, no blank ones."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def read(path):
    return pathlib.Path(path).read_text()


def numbers(device):
    return f"{os.major(device)}:{os.minor(device)}"
