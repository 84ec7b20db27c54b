"""Routes that every service has: browse its dead letters and replay them after a fix."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from voc_common.auth import Principal
from voc_common.http.callers import caller
from voc_common.http.paging import Page, cursor, read_cursor
from voc_common.postgres.dead_letters import page, replay

router = APIRouter(tags=["operations"])

Operator = Annotated[Principal, Depends(caller("operations"))]


class DeadLetterOut(BaseModel):
    """A message that was refused, with its reason and its first bytes."""

    id: str
    topic: str
    type: str
    reason: str
    created_at: str
    replayed_at: str | None
    bytes: int
    start: str


class Replay(BaseModel, extra="forbid"):
    """Which dead letters to send again."""

    ids: list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]] = Field(min_length=1, max_length=500)


class Replayed(BaseModel):
    """How many were sent again; the others are not there."""

    replayed: int


@router.get("/v1/dead-letters")
async def list_dead_letters(
    request: Request,
    who: Operator,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[DeadLetterOut]:
    """The caller's dead letters in this service, oldest first."""
    voc = request.app.state.voc
    (after,) = read_cursor(cursor_, "")
    async with voc.database.transaction(who.tenant) as tx:
        rows = await page(tx, voc.service, who.tenant, after, limit)
    items = [
        DeadLetterOut(
            id=r.id,
            topic=r.topic,
            type=r.type,
            reason=r.reason,
            created_at=r.created_at.isoformat(),
            replayed_at=r.replayed_at.isoformat() if r.replayed_at else None,
            bytes=r.bytes,
            start=r.start,
        )
        for r in rows
    ]
    last = (
        cursor(f"{rows[-1].created_at.isoformat()}|{rows[-1].id}") if len(rows) == limit else None
    )
    return Page(items=items, next=last)


@router.post("/v1/dead-letters/replay", status_code=202)
async def replay_dead_letters(request: Request, who: Operator, body: Replay) -> Replayed:
    """Send dead letters to their topics again; reading them twice is harmless."""
    voc = request.app.state.voc
    async with voc.database.transaction(who.tenant) as tx:
        count = await replay(tx, voc.service, who.tenant, body.ids)
    return Replayed(replayed=count)
