"""Start the provider plugin."""

from infra.local.provider.server import serve

serve()
