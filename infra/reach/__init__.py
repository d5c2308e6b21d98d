"""How the controller reaches the hosts of a contract: over SSH, with programs that need only Python there."""
