"""Runs on a host, as root, with nothing but Python's standard library: reports what is in effect there.

`tests/hosts/snapshot.py` sends these modules as text and calls `answer`. They change nothing on the host.
"""
