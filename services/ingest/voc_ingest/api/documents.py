"""OpenAPI for routes that decode by msgspec: their schemas join those that FastAPI finds itself."""

from typing import Any

import msgspec
from fastapi import FastAPI

_REF = "#/components/schemas/{name}"
_shown: dict[str, type[Any]] = {}


def _reference(kind: type[Any]) -> dict[str, Any]:
    _shown[kind.__name__] = kind
    return {"content": {"application/json": {"schema": {"$ref": _REF.format(name=kind.__name__)}}}}


def json_body(kind: type[Any]) -> dict[str, Any]:
    """`openapi_extra` of a route whose body is a msgspec Struct."""
    return {"requestBody": {"required": True, **_reference(kind)}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: problem+json of these statuses, and those that every route may give."""
    shown = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    every = sorted({400, 401, 403, 404, 413, 422, 503, *statuses})
    return {status: {"description": "see detail", "content": shown} for status in every}


def answers(kind: type[Any], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers 202 with a msgspec Struct."""
    return {202: {"description": "Accepted", **_reference(kind)}, **problems(*statuses)}


def document(app: FastAPI) -> None:
    """Let the app's OpenAPI document know the schemas of the msgspec routes."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        found = made()
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        if not _shown.keys() <= schemas.keys():
            _, components = msgspec.json.schema_components(_shown.values(), ref_template=_REF)
            schemas.update(components)
        return found

    app.openapi = openapi
