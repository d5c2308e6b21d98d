"""Runs on a host as root, in namespaces of its own: has daemons check files that are not the host's.

Standard library only: `infra.reach.sent` sends it there. The files are at their true paths over a
copy-on-write view of the host's root; view, processes and network end with the program, so that a check
reaches none of the host's services, and nothing is left behind.
"""
