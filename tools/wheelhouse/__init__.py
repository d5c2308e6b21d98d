"""What tools/wheels does: a locked project and all it needs, as an archive of wheels for the hosts."""
