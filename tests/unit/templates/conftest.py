"""What tests of the path of a request read, each rendered once for a file of tests."""

from __future__ import annotations

import pytest

from tests.support.web_path import of


@pytest.fixture(scope="module")
def app() -> str:
    return of("app", "environment.j2")


@pytest.fixture(scope="module")
def nginx() -> str:
    return of("nginx", "nginx.conf.j2")


@pytest.fixture(scope="module")
def haproxy() -> str:
    return of("haproxy", "haproxy.cfg.j2")
