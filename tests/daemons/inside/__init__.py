"""Runs on a host as root, in namespaces of its own: has daemons look at files that are not the host's.

Standard library only: `tests.hosts.sent` brings it there. The files lie at their true paths over a
copy-on-write view of the host's root; view, processes and network end with the program, so that what a look
starts reaches none of the host's services, and nothing is left.
"""
