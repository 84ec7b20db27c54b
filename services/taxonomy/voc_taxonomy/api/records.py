"""Routes of records: what a text was decided to be about and why, and corrections."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.events import Decision
from voc_common.http import Page, caller, cursor, read_cursor
from voc_common.http.times import iso

from voc_taxonomy.api.models import CauseOut, VerdictOut, verdict_out
from voc_taxonomy.handlers import corrections

router = APIRouter(prefix="/v1", tags=["records"])

Ident = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Slug = Annotated[str, Field(min_length=1, max_length=64)]


class DecisionOut(BaseModel):
    """What a record is about, and who or which model says so."""

    version: str
    causes: list[CauseOut]
    stage: str
    severity: float
    sentiment: float
    language: str
    model: str
    taxonomy: int
    decided_at: str
    human: bool


class RecordOut(BaseModel):
    """A record's text and decision; `verdict` is what the active model says now, with the words that decided."""

    record_id: str
    text: str
    decision: DecisionOut
    verdict: VerdictOut


class CorrectionIn(BaseModel, extra="forbid"):
    """What the text is about; an empty list: nothing of the taxonomy."""

    causes: list[Slug] = Field(max_length=3)
    reason: str = Field(default="", max_length=500)


class CorrectionOut(BaseModel):
    """A correction that somebody made."""

    sequence: int
    record_id: str
    causes: list[str]
    reason: str
    made_by: str
    made_at: str


@router.get("/records/{record_id}")
async def get_record(
    request: Request,
    who: Annotated[Principal, Depends(caller("taxonomy:read", "text:read"))],
    record_id: Ident,
) -> RecordOut:
    """The text of a record, what was decided, and the words that speak for it."""
    voc = request.app.state.voc
    async with voc.database.transaction(who.tenant) as tx:
        seen = await corrections.look(tx, who.tenant, record_id, voc.extra)
    return RecordOut(
        record_id=seen.record_id,
        text=seen.text,
        decision=_decision(seen.decision),
        verdict=verdict_out(seen.verdict),
    )


@router.post("/records/{record_id}/corrections", status_code=201)
async def correct(
    request: Request,
    who: Annotated[Principal, Depends(caller("taxonomy:write"))],
    record_id: Ident,
    body: CorrectionIn,
) -> DecisionOut:
    """Say what a record is about; every number follows. Holds for later revisions with the same text too."""
    voc = request.app.state.voc
    async with voc.database.transaction(who.tenant) as tx:
        decision = await corrections.correct(
            tx, who.tenant, record_id, body.causes, body.reason, who.subject, voc.extra
        )
    return _decision(decision)


@router.get("/corrections")
async def list_corrections(
    request: Request,
    who: Annotated[Principal, Depends(caller("taxonomy:read"))],
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[CorrectionOut]:
    """Corrections, newest first."""
    (before,) = read_cursor(cursor_, 2**62)
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await corrections.history(tx, who.tenant, before, limit)
    items = [
        CorrectionOut(
            sequence=r.sequence,
            record_id=r.record_id,
            causes=r.causes,
            reason=r.reason,
            made_by=r.made_by,
            made_at=r.made_at.isoformat(),
        )
        for r in rows
    ]
    return Page(items=items, next=cursor(rows[-1].sequence) if len(rows) == limit else None)


def _decision(found: Decision) -> DecisionOut:
    return DecisionOut(
        version=found.version,
        causes=[CauseOut(id=c.id, p=c.p) for c in found.causes],
        stage=found.stage,
        severity=found.severity,
        sentiment=found.sentiment,
        language=found.language,
        model=found.model,
        taxonomy=found.taxonomy,
        decided_at=iso(found.decided_at),
        human=found.human,
    )
