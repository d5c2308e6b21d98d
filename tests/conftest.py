"""What all tests share: property tests draw the same examples everywhere and have no time limit an example,
since a busy machine is no fault of the code (a run as a whole has its own)."""

from hypothesis import settings

settings.register_profile("kit", deadline=None, derandomize=True, database=None)
settings.load_profile("kit")
