"""`python -m moving move|resume|preview`.

The first two are those of flashtier-move.service, with the plan in its folder; the third reads a plan on
standard input and answers in JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType

from holding.config import read as read_config
from moving import plan, preview
from moving.errors import MoveError
from moving.member import Member
from moving.report import FOLDER, PLAN, Report
from moving.sequence import move, resume

CONFIG = Path("/etc/patroni/patroni.yml")


def _terminated(number: int, frame: FrameType | None) -> None:
    """`systemctl stop`: the steps end as after a fault."""
    raise MoveError(f"ended by {signal.Signals(number).name}")


def main() -> int:
    signal.signal(signal.SIGTERM, _terminated)
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    report = None
    try:
        config = read_config(CONFIG)
        if what == "preview":
            asked = plan.parse(sys.stdin.read(), "standard input")
            print(json.dumps(preview.preview(asked, Member(config, asked.synchronous).received)))
            return 0
        asked = plan.read(FOLDER / PLAN)
        member = Member(config, asked.synchronous)
        if what == "resume":
            resume(asked, member, FOLDER)
        elif what == "move":
            report = Report(FOLDER, asked.number)
            move(asked, member, report)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (MoveError, OSError, ValueError) as error:
        if report:
            report.end(str(error))
        else:
            print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
