"""Errors as RFC 9457 problem+json: what happened, and what to do."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from voc_common.auth import Forbidden, Unauthenticated
from voc_common.http import hints
from voc_common.postgres import DatabaseAway, DataError, StatementRefused
from voc_common.postgres.database import Retry

log = logging.getLogger(__name__)

_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    428: "Precondition required",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    503: "Not available just now",
}


class Problem(Exception):
    """An answer of 4xx or 5xx with a detail that says what to do; `extra` members are added as they are."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.extra = extra


def document(status: int, detail: str) -> dict[str, Any]:
    """The body of a problem."""
    title = _TITLES.get(status, "Error")
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def response(
    status: int, detail: str, headers: dict[str, str] | None = None, **extra: Any
) -> JSONResponse:
    """A problem+json response."""
    body = document(status, detail) | extra
    return JSONResponse(body, status, headers, media_type="application/problem+json")


Answer = Callable[[Request, Any], JSONResponse]

JSON_WANTED = "send the header content-type: application/json"


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()[:20]
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if any(tuple(e["loc"]) == ("body",) for e in found) and not given.endswith("json"):
        return response(422, f"{JSON_WANTED}; without it the body is not read as JSON")
    faults = [
        {"at": "/" + "/".join(str(p) for p in e["loc"]), "message": _message(request, e)}
        for e in found
    ]
    return response(422, "; ".join(f"{f['at']}: {f['message']}" for f in faults[:3]), errors=faults)


def _message(request: Request, error: Mapping[str, Any]) -> str:
    said = str(error["msg"])
    if error["type"] == "extra_forbidden" and error["loc"][0] == "body":
        document = request.app.openapi()
        schema = hints.body_schema(document, request.scope["route"].path, request.method)
        allowed = hints.fields(document, schema, error["loc"][1:-1])
        return f"there is no such field; there are {', '.join(allowed)}" if allowed else said
    return said


def _http(request: Request, error: HTTPException) -> JSONResponse:
    detail, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == 404 and "endpoint" not in request.scope:
        detail = "there is no such path here; GET /docs lists the routes"
    elif error.status_code == 405:
        taken = headers.get("Allow") or "other methods"
        detail = f"this path does not take {request.method[:20]}; it takes {taken}"
    return response(error.status_code, detail, headers)


def _away(_: Request, error: Exception) -> JSONResponse:
    log.warning("not available: %s", error)
    return response(503, "the database cannot be reached; try again", {"Retry-After": "2"})


def _refused(_: Request, error: DataError) -> JSONResponse:
    log.info("refused by the database: %s", error)
    return response(422, "a value cannot be stored: a NUL character, or out of range")


def _bug(_: Request, error: Exception) -> JSONResponse:
    log.error("unhandled", exc_info=error)
    return response(500, "a fault of this service; it has been logged")


_ANSWERS: Mapping[type[Exception], Answer] = {
    Problem: lambda _, e: response(e.status, e.detail, e.headers, **e.extra),
    Unauthenticated: lambda _, e: response(401, str(e), {"WWW-Authenticate": 'Bearer realm="voc"'}),
    Forbidden: lambda _, e: response(403, str(e)),
    RequestValidationError: _invalid,
    HTTPException: _http,
    DatabaseAway: _away,
    StatementRefused: _bug,
    Retry: _away,
    DataError: _refused,
    Exception: _bug,
}


def install(app: FastAPI, faults: Mapping[type[Exception], int]) -> None:
    """Turn every error of the app into problem+json; `faults` are the service's own and their status."""

    def handler(answer: Answer) -> Callable[[Request, Any], Awaitable[JSONResponse]]:
        async def answered(request: Request, error: Any) -> JSONResponse:
            return answer(request, error)

        return answered

    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, handler(answer))
    for kind, status in faults.items():
        app.add_exception_handler(kind, handler(partial(_fault, status)))


def _fault(status: int, _: Request, error: Exception) -> JSONResponse:
    return response(status, str(error))
