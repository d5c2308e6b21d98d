"""The OpenAPI document: what FastAPI derives from the routes, and HEAD, which `head` adds to every GET."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Make /openapi.json describe HEAD, too."""
    derive = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_head(derive())
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # as FastAPI's manual has it


def _with_head(document: dict[str, Any]) -> dict[str, Any]:
    for methods in document["paths"].values():
        if (get := methods.get("get")) is None:
            continue
        responses = {
            status: {key: value for key, value in response.items() if key != "content"}
            # A range is of GET only.
            for status, response in get["responses"].items()
            if status not in ("206", "416")
        }
        methods["head"] = {**get, "operationId": f"{get['operationId']}_head", "responses": responses}
    return document
