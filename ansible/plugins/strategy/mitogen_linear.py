"""Makes mitogen's strategy known by a path that does not depend on the Python version of the environment.

mitogen is not an Ansible collection; its documentation points `strategy_plugins` into site-packages. This
file stands in the tree instead, imports the real one under its real name, as mitogen's own proxy does, and
spares the controller two things that cost a third of a run (docs/decisions/mitogen.md).
"""

from __future__ import annotations

import os
from typing import Any

from ansible.template import Templar, trust_as_template
from ansible_mitogen import affinity
from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule as Mitogen

#: From here on mitogen leaves the workers more than one core (FixedPolicy of mitogen 0.3.54).
CORES_TO_PIN = 4

if (os.cpu_count() or 1) < CORES_TO_PIN:
    # mitogen would keep the connections on one core, and the play, its workers and every ssh on the other.
    affinity.policy = affinity.Policy()


class StrategyModule(Mitogen):
    """mitogen's, with the plugins of templates loaded before the first worker is forked."""

    def run(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Ansible calls it
        """Run the play. Ansible fills its cache of filters in each worker, which ends with its task."""
        look_up_all = trust_as_template("{{ [0] | select('defined') | list }}")
        Templar(loader=self._loader, variables={}).template(look_up_all)
        return super().run(*arguments, **options)
