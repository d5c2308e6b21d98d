"""The schema fuzzer on the application alone, before anything stands in front of it."""

from __future__ import annotations

import asyncio
import json
import threading

import httpx
import pytest
import uvicorn

from photo_api.application import application
from tests.fuzz import fuzz
from tests.integration.conftest import credentials, free_port, wait_until


@pytest.fixture
def served(settings):
    """The application on a port of loopback, in a thread of its own."""
    port = free_port()
    running: list[uvicorn.Server] = []

    async def serve() -> None:
        async with application(settings, credentials()) as app:
            config = uvicorn.Config(app, port=port, http="httptools", ws="none", lifespan="off", log_level="error")
            running.append(uvicorn.Server(config))
            await running[0].serve()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    wait_until(lambda: running and running[0].started, "the application")
    yield f"http://127.0.0.1:{port}"
    running[0].should_exit = True
    thread.join(20)


def test_no_request_that_the_schema_leads_to_breaks_the_application(served, tmp_path):
    assert fuzz(served, tmp_path) == ""


def test_a_limit_that_the_document_does_not_declare_is_found(served, tmp_path):
    """The fuzzer can fail: a tag's length was enforced and not declared."""
    document = httpx.get(f"{served}/openapi.json", timeout=10).json()
    (tag,) = (one for one in document["paths"]["/search"]["get"]["parameters"] if one["name"] == "tag")
    assert {"maxLength", "minLength", "pattern"} <= tag["schema"].keys()
    tag["schema"] = {"type": "string"}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    assert "GET /search" in fuzz(served, tmp_path, document=str(tmp_path / "openapi.json"))
