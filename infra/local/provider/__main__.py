"""Start the provider plugin."""

import os

from infra.local.provider.server import serve

# The servers of throttled volumes, which it starts, outlive the run of tools/hold that it belongs to itself.
os.environ.pop("FLASHTIER_RUN", None)
serve()
