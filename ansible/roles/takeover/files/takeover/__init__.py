"""A leader that is stuck or gone gives way: the seal of the others, and the release of its lead."""
