"""The probe's figures in Prometheus' text format, for node_exporter's collector of text files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from probing.config import Config
from probing.judge import VERDICTS, Report
from probing.part import STATES, Part

Sample = tuple[Mapping[str, str], float]


def text(config: Config, report: Report, parts: Mapping[str, Part]) -> str:
    """Every state and verdict is a series, of which one is 1: a query sees a change, and never a gap."""
    lines = [
        *_metric(
            "seconds",
            "gauge",
            "How long the last probe took, or for how long one that is late is under way.",
            (({"part": name, "volume": one.volume}, one.seconds) for name, one in report.parts.items()),
        ),
        *_metric(
            "longest_seconds",
            "gauge",
            "The longest probe since the start.",
            (({"part": name}, part.longest) for name, part in parts.items()),
        ),
        *_metric(
            "lost_total",
            "counter",
            "Probes that did not come back in time.",
            (({"part": name}, part.lost) for name, part in parts.items()),
        ),
        *_metric(
            "state",
            "gauge",
            "1 for the state of the part.",
            (
                ({"part": name, "state": state}, state == one.state)
                for name, one in report.parts.items()
                for state in STATES
            ),
        ),
        *_metric(
            "verdict",
            "gauge",
            "1 for the verdict on the member.",
            (({"verdict": verdict}, verdict == report.verdict) for verdict in VERDICTS),
        ),
        *_metric(
            "volume_deadline_seconds",
            "gauge",
            "How long a write may take.",
            (({"volume": one.name}, one.deadline) for one in config.volumes),
        ),
        *_metric(
            "connection_deadline_seconds",
            "gauge",
            "How long a connection may take.",
            [({}, config.connection)],
        ),
        *_metric("period_seconds", "gauge", "From one probe to the next.", [({}, config.period)]),
        *_metric("failures", "gauge", "Errors in a row of a failing device.", [({}, config.failures)]),
    ]
    return "\n".join([*lines, ""])


def write(path: Path, content: str) -> None:
    """Replace the file by a rename: a reader finds the old text or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(content)
    new.replace(path)


def _metric(name: str, kind: str, what: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP flashtier_probe_{name} {what}"
    yield f"# TYPE flashtier_probe_{name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{key}="{text}"' for key, text in labels.items())
        yield f"flashtier_probe_{name}{f'{{{shown}}}' if shown else ''} {float(value)!r}"
