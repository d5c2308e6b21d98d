"""The component that every resource of the load balancer lies under."""

from __future__ import annotations

from infra.aws.naming import Component


class EdgeComponent(Component):
    """A component whose resources carry the tags of the tier edge."""

    def tags(self, *parts: str) -> dict[str, str]:
        """Tags of a resource named by `parts`."""
        return self.naming.tags(Name=self.naming.label(*parts), Tier="edge")
