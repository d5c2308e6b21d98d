"""When a volume's file is missing: whether a blank one may replace it, and what a person has to confirm.

An acceptance is for one loss. It is refused where nothing is lost, so it cannot wait for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local import loops, names, processes
from infra.local.provider.schema import Failure, VolumeInputs

#: The configuration key that carries acceptances, volumes as HOST-VOLUME.
KEY = "flashtier:acceptBlank"


def removal(inputs: VolumeInputs) -> str:
    return f"pulumi config rm {KEY} -s {inputs.stack}"


def faults(news: VolumeInputs, olds: Mapping[str, Any], was_made: bool) -> list[Failure]:
    """Why the volume may not be made as declared; `olds` are the state's inputs, empty where it has none."""
    text = _fault(news, olds, was_made)
    return [Failure(property="acceptBlank" if news.accept_blank else "file", reason=text)] if text else []


def _fault(news: VolumeInputs, olds: Mapping[str, Any], was_made: bool) -> str:
    file = Path(news.file)
    volume = f"volume {news.name} of {news.host}"
    accepted = f"{KEY} = {news.host}-{news.name}"
    is_missing = was_made and not file.exists()
    if news.accept_blank and olds.get("acceptBlank"):
        return (
            f"{accepted}: was used by an earlier run, and an acceptance is for one loss; remove it: "
            f"{removal(news)}" + (f"; {_by_hand(news)}" if is_missing else "")
        )
    if news.accept_blank and not is_missing:
        what = f"its file {file} is there" if file.exists() else f"{volume} was never made"
        return f"{accepted}: nothing is lost, {what}; remove the acceptance: {removal(news)}"
    if not is_missing:
        return ""
    missing = f"{file}: the file of {volume} is missing"
    if holder := _still_held(news):
        return (
            f"{missing}, but {holder} still holds all of its data; save it before anything else: "
            f"lxc stop {news.host} --project {names.project(news.stack)} && "
            f"cp --sparse=always {holder} {file} && losetup --detach {holder}"
        )
    if news.protected and not news.accept_blank:
        return (
            f"{missing}, and with it its data; put it back, or accept the loss and start with a blank one: "
            f"pulumi config set {KEY} {news.host}-{news.name} -s {news.stack}"
        )
    return ""


def _by_hand(inputs: VolumeInputs) -> str:
    """What to do where the volume is lost again before a run without the acceptance succeeded."""
    return (
        f"to accept this loss as well, make the blank file: truncate --size={inputs.size_gib}G {inputs.file}"
    )


def _still_held(inputs: VolumeInputs) -> Path | None:
    """The loop device through which a deleted file can still be read: it is kept while it is open."""
    deleted = f"{inputs.file} (deleted)"
    try:
        device = Path(inputs.link).readlink()
    except OSError:
        return None
    directory = names.throttled_directory(inputs.stack, inputs.host, inputs.name)
    is_open = any(deleted in processes.open_files(pid) for pid in processes.serving(directory))
    return device if is_open or loops.backing_text(device) == deleted else None
