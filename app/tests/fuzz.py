"""Runs a schema fuzzer (schemathesis) on an API: valid and invalid requests made from its own OpenAPI document.

The seed is fixed, so that a failure is found again by the next run; `PHOTO_API_FUZZ_SEED` sets another.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SEED = os.environ.get("PHOTO_API_FUZZ_SEED", "20261129")
#: Requests that a run makes at least, or it proves little. An idle machine makes some hundreds.
LEAST_CASES = 30


@dataclass(frozen=True)
class Run:
    """`seconds`: what has not been tried by then is left out."""

    seconds: int
    options: tuple[str, ...]


RUNS = (
    # Everything, valid and not: no 5xx, no undeclared status, type, header or schema; what is invalid is refused.
    Run(
        30,
        (
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
            "response_schema_conformance,negative_data_rejection,unsupported_method",
            "--phases=coverage,fuzzing",
        ),
    ),
    # What the document allows is accepted, or it does not declare what is enforced. Not for uploads: no schema says
    # what a JPEG is.
    Run(
        15,
        ("--checks=positive_data_acceptance", "--mode=positive", "--exclude-path=/photos", "--phases=coverage,fuzzing"),
    ),
)


def fuzz(url: str, folder: Path, *, authority: Path | None = None, document: str | None = None) -> str:
    """Fuzz the API at `url`, by its own document or another. Why it failed, in the fuzzer's words; "" if it did not."""
    return "\n".join(filter(None, (_run(run, url, folder, authority, document) for run in RUNS)))


def _run(run: Run, url: str, folder: Path, authority: Path | None, document: str | None) -> str:
    done = subprocess.run(
        [
            *(
                str(Path(sys.executable).parent / "schemathesis"),
                "run",
                document or f"{url}/openapi.json",
                f"--url={url}",
            ),
            *(*run.options, f"--max-time={run.seconds}", f"--seed={SEED}", "--max-examples=15", "--no-shrink"),
            *("--generation-database=none", "--request-timeout=25", "--continue-on-failure", "--no-color"),
            *((f"--tls-verify={authority}",) if authority else ()),
        ],
        cwd=folder,
        # A proxy of this machine knows nothing of a stack's hosts.
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        capture_output=True,
        text=True,
        timeout=run.seconds + 60,
        check=False,
    )
    if done.returncode:
        return f"seed {SEED}, exit code {done.returncode}:\n{done.stdout[-12_000:]}\n{done.stderr[-2_000:]}"
    cases = sum(map(int, re.findall(r"(\d+) generated", done.stdout)))
    return "" if cases >= LEAST_CASES else f"{cases} requests were made; fewer than {LEAST_CASES} prove little"
