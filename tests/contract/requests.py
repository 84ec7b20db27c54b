"""Requests to routes of the table, and what is wrong with their answers."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from contract.apis import Apis
from contract.hostile import JSON, encode
from contract.table.route import Route
from contract.worlds import World

AT_ONCE = 8


@dataclass(frozen=True)
class Shot:
    """A request that must be refused with one of these statuses."""

    name: str
    url: str
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    statuses: Sequence[int] = range(400, 500)


class Target:
    """A route in the name of a tenant, ready to be asked well and badly."""

    def __init__(self, apis: Apis, service: str, route: Route, world: World) -> None:
        self.apis = apis
        self.service = service
        self.route = route
        self.world = world
        self.token = apis.token(world["tenant"], *route.scopes)
        self.document: Mapping[str, Any] = apis.documents[service]
        world.used.clear()
        self.query: Mapping[str, str] = route.query(world)
        self.body: Any = route.body(world) if route.body else None
        self.content = encode(self.body) if route.body else None
        self.headers: Mapping[str, str] = JSON if route.body else {}
        if route.binary:
            self.content = route.binary()
            self.headers = {"content-type": "application/octet-stream"}
        self.path_names: list[str] = re.findall(r"{(\w+)}", route.path)
        self.uses = world.used | set(self.path_names)

    def url(self, path: Mapping[str, str] | None = None, **query: str) -> str:
        """The good address, some values replaced by others that are percent-encoded already."""
        values = {n: quote(str(self.world[n]), safe="") for n in self.path_names} | (path or {})
        found = self.apis.urls[self.service] + self.route.path.format_map(values)
        parts = [urlencode({n: v}) for n, v in self.query.items() if n not in query]
        parts += [f"{n}={v}" for n, v in query.items()]
        return f"{found}?{'&'.join(parts)}" if parts else found

    async def send(self, shot: Shot | None = None, **other: str | None) -> httpx.Response:
        """Send a request, the good one unless told; with the good token unless told of an `other`."""
        if shot is None:
            shot = Shot("good", self.url(), self.content, self.headers)
        headers = [(k.encode(), v.encode("latin-1")) for k, v in shot.headers.items()]
        token = other.get("token", self.token)
        if token is not None:
            headers.append((b"authorization", token.encode("latin-1")))
        return await self.apis.http.request(
            self.route.method, shot.url, content=shot.content, headers=headers
        )

    async def refused(self, shots: Iterable[Shot]) -> list[str]:
        """Send all; returns what is wrong with the answers."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(shot: Shot) -> str:
            async with room:
                answer = await self.send(shot)
            if answer.is_success and not self.route.good(answer):
                return ""  # the answer refuses the item
            fault = problem(answer, shot.statuses)
            return f"{shot.name}: {fault}" if fault else ""

        return [fault for fault in await asyncio.gather(*map(one, shots)) if fault]

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        """Parameters by the OpenAPI document."""
        operation = self.document["paths"][self.route.path][self.route.method.lower()]
        return operation.get("parameters", [])


LEAKS = re.compile(
    r"Traceback|asyncpg|sqlalchemy|psycopg|\bselect\b.*\bfrom\b|/site-packages/", re.IGNORECASE
)
"""What the inside of a service looks like; no answer shows it."""


def problem(answer: httpx.Response, statuses: Sequence[int] = range(400, 500)) -> str:
    """What is wrong with an answer that must be one of these problems, "" if nothing."""
    shown = f"{answer.status_code} {answer.text[:200]!r}"
    if answer.status_code not in statuses:
        return f"{shown}, not {list(statuses) if len(statuses) < 9 else '4xx'}"
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{shown} is {answer.headers.get('content-type')}"
    told = answer.json()
    if told.get("status") != answer.status_code or not told.get("title"):
        return f"{shown} has another status or no title"
    if not isinstance(told.get("detail"), str) or not told["detail"].strip():
        return f"{shown} has no detail"
    if LEAKS.search(answer.text):
        return f"{shown} shows the inside"
    if "x-request-id" not in answer.headers:
        return f"{shown} has no request id"
    return ""
