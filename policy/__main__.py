"""The kit's policy pack, which Pulumi runs with every preview and up (tools/env.sh)."""

from engine import pack

pack()
