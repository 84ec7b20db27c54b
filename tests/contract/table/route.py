"""A route as the tests need it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Filled = Callable[[Mapping[str, Any]], Any]


def _nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _made_nothing(_: httpx.Response) -> dict[str, Any]:
    return {}


def _succeeded(answer: httpx.Response) -> bool:
    return answer.is_success


@dataclass(frozen=True)
class Route:
    """A route with a good request, made from a tenant's world.

    scopes: what the caller must hold. path: as in the OpenAPI document, its names are those of the world.
    body: as JSON; `binary` where it is none.
    free: places in the body whose content is the sender's own. foreign: status where an id of the world is
    another tenant's, 404 unless said. taken: hostile cases, by the end of their name, that are no mistake here, and why.
    good: whether an answer says that the request was taken, for routes that answer per item. made: what of
    the world is now another.
    """

    method: str
    path: str
    scopes: tuple[str, ...]
    body: Filled | None = None
    binary: Callable[[], bytes] | None = None
    query: Filled = _nothing
    free: frozenset[str] = frozenset()
    foreign: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    good: Callable[[httpx.Response], bool] = _succeeded
    made: Callable[[httpx.Response], dict[str, Any]] = _made_nothing

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


COMMON = [
    Route("GET", "/v1/dead-letters", ("operations",), query=lambda _: {"limit": "5"}),
    Route(
        "POST",
        "/v1/dead-letters/replay",
        ("operations",),
        body=lambda w: {"ids": [w["letter"]]},
        # It says how many of them were the caller's.
        foreign={"letter": 202},
    ),
]
"""Routes that every service has."""
