"""The schema fuzzer through the edge of a living stack, as `make test` runs it: every hop answers, none with a 5xx.

PHOTO_API_URL and PHOTO_API_CA name the edge and the authority of its certificate. It writes photos: on a stack that is
destroyed afterwards, never on one that people use.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.fuzz import fuzz


def test_no_request_that_the_schema_leads_to_breaks_the_edge(tmp_path):
    assert fuzz(os.environ["PHOTO_API_URL"], tmp_path, authority=Path(os.environ["PHOTO_API_CA"])) == ""
