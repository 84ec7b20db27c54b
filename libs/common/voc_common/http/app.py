"""The app of a service: lifespan, limits, problem+json, health, metrics, dead letters."""

import contextlib
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from voc_common.auth import Verifier
from voc_common.http import dead_letters, problems
from voc_common.postgres import Database, DatabaseAway
from voc_common.postgres.migrations import head
from voc_common.settings import Settings

MAX_BODY = 8 * 1024 * 1024
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
    max_body: int = MAX_BODY,
) -> FastAPI:
    """The FastAPI app of a service.

    `faults` maps the service's own exceptions to a status. `start` runs before the first request and may return
    what to run at the end.
    """
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

    app = FastAPI(
        title=f"voc {service}", version="1", lifespan=lifespan, separate_input_output_schemas=False
    )
    app.state.voc = voc
    problems.install(app, faults or {})
    for router in routers:
        app.include_router(router)
    app.include_router(dead_letters.router)
    app.include_router(_health(voc))
    app.add_middleware(_Edge, max_body=max_body)
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
        return JSONResponse({"status": "ready", "schema": there})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    for route in (livez, readyz, metrics):
        assert callable(route)
    return router


class _Edge:
    """Bounds the body, and gives every request an id that its answer and its logs carry."""

    def __init__(self, app: Any, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
        if (length.isdigit() and int(length) > self._max_body) or not length.isdigit():
            answer = problems.response(
                413, f"a body has at most {self._max_body} bytes; send smaller batches"
            )
            await answer(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Any:
            # A chunked body has no length to check beforehand.
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body:
                raise problems.Problem(
                    413, f"a body has at most {self._max_body} bytes; send smaller batches"
                )
            return message

        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, bounded, stamped)


def state(request: Request) -> App:
    """The app's holdings, as a dependency."""
    return request.app.state.voc
