"""Routes of loads and replays."""

import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.http import Page, Problem, caller, cursor, read_cursor
from voc_common.http.times import Moment

from voc_ingest.api.documents import problems
from voc_ingest.api.times import micros, shown
from voc_ingest.handlers import loads, replays
from voc_ingest.repository.loads import LoadRow
from voc_ingest.repository.replays import ReplayRow

router = APIRouter(tags=["history"])

Steward = Annotated[Principal, Depends(caller("sources:write"))]
Ident = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{24}$")]
Cursor = Annotated[str | None, Query(alias="cursor", max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200)]
SourceField = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class LoadIn(BaseModel, extra="forbid"):
    """A load of one source's items, which are then posted with `?load=`."""

    source: SourceField
    history: bool = Field(
        default=True,
        description="true: an item counts as known since its own updated_at, occurred_at or created_at; "
        "false: since it is received, like live ones",
    )


class LoadOut(BaseModel):
    """A load and how far it is: open, complete (nothing more comes), closed (all of it is published)."""

    load: str
    source: str
    history: bool
    state: str
    accepted: int
    unchanged: int
    unpublished_requests: int
    since: str | None
    through: str | None


class ReplayIn(BaseModel, extra="forbid"):
    """Which part of the archive to tell again, by the time of receipt; everything where nothing is said."""

    since: Moment | None = None
    until: Moment | None = None
    source: SourceField | None = None


class ReplayOut(BaseModel):
    """A replay and how far it is; `at` is the receipt of the last revision told."""

    replay: str
    state: str
    source: str | None
    since: str | None
    until: str | None
    published: int
    at: str | None


def _load_out(row: LoadRow) -> LoadOut:
    return LoadOut(
        load=row.load,
        source=row.source,
        history=row.history,
        state=row.state,
        accepted=row.accepted,
        unchanged=row.unchanged,
        unpublished_requests=row.pending,
        since=shown(row.since),
        through=shown(row.through),
    )


def _replay_out(row: ReplayRow) -> ReplayOut:
    return ReplayOut(
        replay=row.replay,
        state=row.state,
        source=row.source or None,
        since=shown(row.since),
        until=shown(row.until),
        published=row.published,
        at=shown(row.at_received) if row.published else None,
    )


@router.post("/v1/loads", status_code=201, responses=problems())
async def begin_load(request: Request, who: Steward, body: LoadIn) -> LoadOut:
    """Begin a load: bulk lane, and a watermark of its own once it is complete."""
    now = time.time_ns() // 1000
    try:
        row = await loads.begin(
            request.app.state.voc.database, who.tenant, body.source, now, history=body.history
        )
    except loads.NoSource as error:
        raise Problem(422, f"there is no source {error}: PUT /v1/sources/{error} first") from error
    return _load_out(row)


@router.get("/v1/loads", responses=problems())
async def list_loads(
    request: Request, who: Steward, cursor_: Cursor = None, limit: Limit = 50
) -> Page[LoadOut]:
    """Loads, newest first."""
    (after,) = read_cursor(cursor_, "")
    rows = await loads.newest(request.app.state.voc.database, who.tenant, after, limit)
    following = cursor(rows[-1].load) if len(rows) == limit else None
    return Page(items=[_load_out(r) for r in rows], next=following)


@router.get("/v1/loads/{load}", responses=problems())
async def get_load(request: Request, who: Steward, load: Ident) -> LoadOut:
    """A load and how far it is."""
    try:
        return _load_out(await loads.find(request.app.state.voc.database, who.tenant, load))
    except loads.NoLoad as error:
        raise Problem(404, f"there is no load {load}") from error


@router.post("/v1/loads/{load}/complete", status_code=202, responses=problems())
async def complete_load(request: Request, who: Steward, load: Ident) -> LoadOut:
    """Nothing more comes with this load; it is closed when all of it is published."""
    try:
        return _load_out(await loads.complete(request.app.state.voc.database, who.tenant, load))
    except loads.NoLoad as error:
        raise Problem(404, f"there is no load {load}") from error


def _moment(value: datetime | None, default: int) -> int:
    found = default if value is None else micros(value)
    if not -(1 << 62) < found < 1 << 62:
        raise Problem(422, "no such time")
    return max(found, 0)


@router.post("/v1/replays", status_code=202, responses=problems())
async def begin_replay(request: Request, who: Steward, body: ReplayIn) -> ReplayOut:
    """Tell archived revisions again on the bulk lane: the same bytes, so nothing is counted twice."""
    now = time.time_ns() // 1000
    since, until = _moment(body.since, 0), min(_moment(body.until, now), now)
    try:
        row = await replays.begin(
            request.app.state.voc.database,
            who.tenant,
            now,
            since=since,
            until=until,
            source=body.source or "",
        )
    except loads.NoSource as error:
        raise Problem(422, f"nothing ever came from a source {error}") from error
    return _replay_out(row)


@router.get("/v1/replays", responses=problems())
async def list_replays(
    request: Request, who: Steward, cursor_: Cursor = None, limit: Limit = 50
) -> Page[ReplayOut]:
    """Replays, newest first."""
    (after,) = read_cursor(cursor_, "")
    rows = await replays.newest(request.app.state.voc.database, who.tenant, after, limit)
    following = cursor(rows[-1].replay) if len(rows) == limit else None
    return Page(items=[_replay_out(r) for r in rows], next=following)


@router.get("/v1/replays/{replay}", responses=problems())
async def get_replay(request: Request, who: Steward, replay: Ident) -> ReplayOut:
    """A replay and how far it is."""
    try:
        return _replay_out(await replays.find(request.app.state.voc.database, who.tenant, replay))
    except replays.NoReplay as error:
        raise Problem(404, f"there is no replay {replay}") from error
