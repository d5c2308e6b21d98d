"""The Pulumi program: environment -> topology -> platform -> contract. Read it top to bottom, never back."""

import pulumi

from infra.program import run

run(pulumi.get_stack(), pulumi.Config("flashtier"))
