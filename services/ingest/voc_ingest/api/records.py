"""Route of a record as its source told it."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel
from voc_common.auth import Principal
from voc_common.http import Problem, caller, cursor, read_cursor

from voc_ingest.api.documents import problems
from voc_ingest.api.times import shown
from voc_ingest.handlers import reading
from voc_ingest.repository.records import Told

router = APIRouter(tags=["archive"])

Reader = Annotated[Principal, Depends(caller("text:read"))]
_FIRST = (1 << 63) - 1


class RevisionOut(BaseModel):
    """One state of a record; `event` is what was published about it, its times in UTC microseconds."""

    revision: str
    received_at: str | None
    occurred_at: str | None
    known_at: str | None
    source: str
    event_kind: str
    lane: str
    load: str | None
    event: dict[str, Any]


class RecordOut(BaseModel):
    """A record: its greatest revision, and what was told of it, latest receipt first."""

    record_id: str
    revision: str | None
    erased: bool
    revisions: list[RevisionOut]
    next: str | None


def revision_out(row: Told) -> RevisionOut:
    """A state as it is shown; its times stand in the event."""
    event = msgspec.json.decode(row.event)
    return RevisionOut(
        revision=row.revision,
        received_at=shown(row.received_at),
        occurred_at=shown(event["revision"]["occurred_at"]),
        known_at=shown(event["revision"]["known_at"]),
        source=row.source,
        event_kind=row.event_kind,
        lane=row.lane,
        load=row.load or None,
        event=event,
    )


@router.get("/v1/records/{record_id}", responses=problems())
async def get_record(
    request: Request,
    who: Reader,
    record_id: Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$")],
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RecordOut:
    """What the source told of a record, every revision; an erased record is empty."""
    (before,) = read_cursor(cursor_, _FIRST)
    try:
        seen = await reading.record(
            request.app.state.voc.database, who.tenant, record_id, before, limit
        )
    except reading.NoRecord as error:
        raise Problem(404, f"there is no record {record_id}") from error
    told = seen.revisions
    return RecordOut(
        record_id=record_id,
        revision=seen.revision or None,
        erased=seen.erased,
        revisions=[revision_out(r) for r in told],
        next=cursor(told[-1].received_at) if len(told) == limit else None,
    )
