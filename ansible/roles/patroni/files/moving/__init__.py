"""Moves a standby's directories to other volumes of its host: copies, checks, swaps the mounts."""
