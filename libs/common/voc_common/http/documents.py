"""OpenAPI documents that say of errors what is true: each is a problem+json."""

from typing import Any

from fastapi import FastAPI

_REF = {"$ref": "#/components/schemas/Problem"}
_ANSWER = {"content": {"application/problem+json": {"schema": _REF}}}
_ANSWERS = {
    "4XX": {"description": "refused; `detail` says why and what to do", **_ANSWER},
    "503": {
        "description": "not available just now; `Retry-After` says when to come again",
        **_ANSWER,
    },
}
_FASTAPI_S_OWN = ("HTTPValidationError", "ValidationError")

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem+json",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
}


def document(app: FastAPI) -> None:
    """Let the app's OpenAPI document show its errors instead of those that FastAPI would give."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        found = made()
        schemas: dict[str, Any] = found.setdefault("components", {}).setdefault("schemas", {})
        if any(name in schemas for name in _FASTAPI_S_OWN) or "Problem" not in schemas:
            for methods in found["paths"].values():
                for operation in methods.values():
                    _honest(operation["responses"])
            for name in _FASTAPI_S_OWN:
                schemas.pop(name, None)
            schemas["Problem"] = PROBLEM
        return found

    app.openapi = openapi


def _honest(responses: dict[str, Any]) -> None:
    invalid = responses.get("422", {}).get("content", {}).get("application/json", {})
    if invalid.get("schema", {}).get("$ref", "").endswith(_FASTAPI_S_OWN[0]):
        del responses["422"]
    for status, answer in _ANSWERS.items():
        responses.setdefault(status, answer)
