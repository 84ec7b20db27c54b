"""Routes of routing: who owns what, and the policy that items are judged by."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, field_validator
from voc_common.postgres import Transaction

from voc_backlog.api.items import Name, Owner, Reader, Writer
from voc_backlog.api.preconditions import IfMatch, Version, etag, seen
from voc_backlog.domain.ground import Route
from voc_backlog.handlers import items, routes
from voc_backlog.repository.tenants import RouteSet

router = APIRouter(prefix="/v1", tags=["routing"])


class RouteIn(BaseModel, extra="forbid"):
    """Who owns what is about this cause (or one below it), stage and product; empty means any."""

    owner: Owner
    cause: Name = ""
    stage: Name = ""
    product: Name = ""


class RoutesIn(BaseModel, extra="forbid"):
    """All routes; the most specific that fits an item wins."""

    routes: list[RouteIn] = Field(max_length=2000)
    version: Version = None

    @field_validator("routes")
    @classmethod
    def distinct(cls, value: list[RouteIn]) -> list[RouteIn]:
        """Two routes for the same would make two owners."""
        known: set[tuple[str, str, str]] = set()
        for route in value:
            about = (route.cause, route.stage, route.product)
            if about in known:
                raise ValueError(f"two routes for cause, stage, product {about}")
            known.add(about)
        return value


class RoutesOut(BaseModel):
    """A version of the routes; version 0 is before the first."""

    version: int
    routes: list[RouteIn]
    made_by: str
    made_at: str | None


class PolicyOut(BaseModel):
    """What items are judged by; `stated` are the tenant's own settings, the rest are defaults."""

    settings_version: int
    taxonomy_version: int
    routes_version: int
    currency: str
    policy: dict[str, Any]
    stated: list[str]
    ignored: dict[str, str] = Field(description="settings that do not fit, and why")


def _out(found: RouteSet) -> RoutesOut:
    return RoutesOut(
        version=found.version,
        routes=[
            RouteIn(owner=r.owner, cause=r.cause, stage=r.stage, product=r.product)
            for r in found.routes
        ],
        made_by=found.made_by,
        made_at=found.made_at or None,
    )


@router.get("/routes")
async def get_routes(
    request: Request,
    response: Response,
    who: Reader,
    version: Annotated[int | None, Query(ge=0, le=10**18)] = None,
) -> RoutesOut:
    """The routes to owners, the latest version by default."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        found = await routes.get_routes(tx, who.tenant, version)
    response.headers.update(etag(found.version))
    return _out(found)


@router.put("/routes")
async def put_routes(
    request: Request, response: Response, who: Writer, body: RoutesIn, if_match: IfMatch = None
) -> RoutesOut:
    """Replace the routes (version 0 stands for none yet); open items that nobody assigned follow at once."""
    known = seen(if_match, body.version)
    rules = [
        Route(owner=r.owner, cause=r.cause, stage=r.stage, product=r.product) for r in body.routes
    ]

    async def use(tx: Transaction) -> RouteSet:
        return await routes.put_routes(tx, who.tenant, known.version, rules, who.subject)

    try:
        found = await request.app.state.voc.database.retried(use, who.tenant)
    except routes.StaleRoutes as error:
        raise known.conflict(error, _out(error.routes).model_dump(mode="json")) from error
    response.headers.update(etag(found.version))
    return _out(found)


@router.get("/policy")
async def get_policy(request: Request, who: Reader) -> PolicyOut:
    """What items are judged by: the tenant's settings that concern the backlog."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        ground = await items.ground(tx, who.tenant)
    return PolicyOut(
        settings_version=ground.settings_version,
        taxonomy_version=ground.taxonomy_version,
        routes_version=ground.routes_version,
        currency=ground.currency,
        policy=msgspec.to_builtins(ground.policy),
        stated=sorted(ground.stated),
        ignored=dict(ground.ignored),
    )
