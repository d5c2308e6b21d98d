"""Makes mitogen's strategy known by a path that does not depend on the Python version of the environment.

mitogen is not an Ansible collection; its documentation points `strategy_plugins` into site-packages. This
file stands in the tree instead and imports the real one under its real name, as mitogen's own proxy does.
"""

from __future__ import annotations

from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]
