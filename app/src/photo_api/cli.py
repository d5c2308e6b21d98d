"""The `photo-api` command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from photo_api import __version__
from photo_api.migrate import MigrationFailed, migrate, plan
from photo_api.settings import ConfigurationError, load_credentials, load_database_settings, load_settings


def main() -> None:
    """Exit status: 0 done, 1 failed with the reason on standard error, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="photo-api", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve on the socket that systemd passes; settings: PHOTO_API_* variables")
    commands.add_parser("check", help="read settings and credentials, and say what is wrong with them")
    forward = commands.add_parser(
        "migrate",
        help="bring the schema forward; the password of the database's owner is read from standard input",
    )
    forward.add_argument("--plan", action="store_true", help="only say what would be applied")
    options = parser.parse_args()
    # journald adds the time, and takes the level from the prefix (sd-daemon(3)).
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        match options.command:
            case "serve":
                from photo_api.server import serve

                settings = load_settings()
                serve(settings, load_credentials(settings))
            case "check":
                load_credentials(load_settings())
            case "migrate":
                _migrate(only_plan=options.plan)
    except (ConfigurationError, MigrationFailed) as error:
        sys.exit(f"photo-api: {error}")


def _migrate(*, only_plan: bool) -> None:
    settings, password = load_database_settings(), sys.stdin.readline().rstrip("\n")
    if not password:
        raise ConfigurationError(f"standard input is empty; give the password of role {settings.database_owner} there")
    if only_plan:
        todo = asyncio.run(plan(settings, password))
        for migration in todo:
            print(f"pending: version {migration.version} ({migration.name})")
    else:
        applied = asyncio.run(migrate(settings, password, print))
        print(f"applied {applied} versions" if applied else "nothing to apply")
