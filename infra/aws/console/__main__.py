"""Start the provider plugin."""

from infra.aws.console.server import serve

serve()
