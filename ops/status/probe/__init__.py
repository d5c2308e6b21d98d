"""Runs on a host, as root, with nothing but Python's standard library: asks the daemons of the host itself.

`infra.reach.sent` sends these modules as text. They change nothing on the host, and print no secret.
"""
