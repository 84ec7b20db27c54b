"""The app of a service: lifespan, limits, problem+json, health, metrics, dead letters."""

import contextlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from voc_common.auth import Verifier, require_keys
from voc_common.http import dead_letters, problems
from voc_common.http.documents import document
from voc_common.postgres import Database, DatabaseAway
from voc_common.postgres.migrations import head
from voc_common.settings import Settings

MAX_BODY = 8 * 1024 * 1024
"""Bytes that a body has at most, but for some routes."""
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")

Start = Callable[["App"], Awaitable[Callable[[], Awaitable[None]] | None]]


class App:
    """What a running api holds: settings, its database in the api's role, the verifier; `extra` by service."""

    def __init__(self, service: str, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.database = Database(
            settings.database_url,
            service,
            "api",
            namespace=settings.namespace,
            pool=settings.pool_api,
        )
        self.verifier = Verifier(settings)
        self.extra: Any = None


def create_app(
    service: str,
    settings: Settings,
    routers: Sequence[APIRouter],
    *,
    start: Start | None = None,
    faults: Mapping[type[Exception], int] | None = None,
    larger_bodies: Mapping[str, int] | None = None,
) -> FastAPI:
    """The FastAPI app of a service.

    `faults` maps the service's own exceptions to a status. `start` runs before the first request and may return
    what to run at the end. `larger_bodies` maps the paths that take more than `MAX_BODY` bytes to how many:
    a JSON body is read before the token is looked at, so only routes that read it themselves should.
    Raises `SettingsError` where nothing names a key that tokens could be checked with.
    """
    require_keys(settings)
    voc = App(service, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        stop = await start(voc) if start else None
        try:
            yield
        finally:
            if stop:
                await stop()
            await voc.database.close()

    # Its pages need nothing from elsewhere: many a browser that sees these services sees nothing else.
    app = FastAPIOffline(
        title=f"voc {service}", version="1", lifespan=lifespan, separate_input_output_schemas=False
    )
    app.state.voc = voc
    problems.install(app, faults or {})
    for router in routers:
        app.include_router(router)
    app.include_router(dead_letters.router)
    app.include_router(_health(voc))
    app.add_middleware(_Edge, larger_bodies=larger_bodies or {})
    document(app)
    return app


def _health(voc: App) -> APIRouter:
    router = APIRouter(tags=["operations"], include_in_schema=False)
    wanted = head(voc.service)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> Response:
        """Ready means: its own Postgres answers and has this code's schema. Never Kafka."""
        try:
            async with voc.database.transaction() as tx:
                row = await tx.row(f"select version_num from {voc.service}.alembic_version")
        except DatabaseAway as error:
            return JSONResponse(
                {"status": "not ready", "why": str(error)}, 503, {"Retry-After": "2"}
            )
        there = row.version_num if row else None
        if there != wanted:
            why = f"schema is at {there}, this code needs {wanted}: run `voc migrate`"
            return JSONResponse({"status": "not ready", "why": why}, 503)
        return JSONResponse({"status": "ready", "schema": there, "pid": os.getpid()})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    for route in (livez, readyz, metrics):
        assert callable(route)
    return router


class _Edge:
    """Bounds the body, takes it as it is and in UTF-8 only, and gives every request an id.

    The answer and the logs carry the id.
    """

    def __init__(self, app: Any, larger_bodies: Mapping[str, int]) -> None:
        self._app = app
        self._larger_bodies = larger_bodies

    def _refused(self, headers: Mapping[bytes, bytes], most: int) -> Response | None:
        """The answer to a body that need not be read to be refused."""
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            return problems.response(413, _too_large(most))
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            detail = "send the body as it is, without Content-Encoding"
            return problems.response(415, detail, {"Accept-Encoding": "identity"})
        return None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
        most = self._larger_bodies.get(scope["path"], MAX_BODY)
        is_json = b"json" in headers.get(b"content-type", b"").lower()
        taken = 0
        head = b""

        async def bounded() -> Any:
            nonlocal taken, head
            message = await receive()
            body = message.get("body", b"")
            taken += len(body)
            # A chunked body has no length to check beforehand. FastAPI lets this exception alone pass.
            if taken > most:
                raise HTTPException(413, _too_large(most))
            if is_json and len(head) < 2:
                head = (head + body)[:2]
                # The parser would guess UTF-16 and UTF-32; no other part of voc reads them.
                if b"\x00" in head or head in _BYTE_ORDER_MARKS:
                    raise HTTPException(415, "JSON is sent in UTF-8")
            return message

        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await (self._refused(headers, most) or self._app)(scope, bounded, stamped)


def _too_large(most: int) -> str:
    return f"a body has at most {most} bytes; send smaller ones"


def state(request: Request) -> App:
    """The app's holdings, as a dependency."""
    return request.app.state.voc
