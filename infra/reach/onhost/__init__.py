"""What several programs on hosts use. Standard library only: `infra.reach.sent` sends it there as text."""
