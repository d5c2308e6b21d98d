"""A small photo API: JPEG files in S3, their metadata in PostgreSQL."""

from importlib.metadata import version

__version__ = version("photo-api")
