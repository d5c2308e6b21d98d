"""The kit's policy pack, which Pulumi runs beside every preview and up (tools/env.sh)."""

from engine import pack

pack()
