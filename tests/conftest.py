"""Settings of all tests: property tests draw the same examples everywhere and have no time limit per example,
since a busy machine is not a fault of the code (a run as a whole has its own). 50 examples, so that
`make check` stays under a minute; `pytest tests/unit --hypothesis-profile=default` draws more, and others
each time."""

from hypothesis import settings

from tests.support.guards import pytest_sessionfinish as pytest_sessionfinish
from tests.support.guards import pytest_terminal_summary as pytest_terminal_summary

settings.register_profile("kit", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("kit")
