"""The records behind a number."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from voc_common.http import Page, Problem, cursor, read_cursor
from voc_common.http.times import Moment

from voc_scorecard.api.asking import (
    PROBLEMS,
    AsOf,
    CellName,
    Reader,
    local_range,
    past,
    shown,
    snapshot,
)
from voc_scorecard.api.series import check_cell
from voc_scorecard.domain.facts import Fact
from voc_scorecard.handlers import drilling
from voc_scorecard.handlers.drilling import Drill
from voc_scorecard.repository.drilling import Found

router = APIRouter(tags=["scorecard"])


class CauseOut(BaseModel):
    """A cause with its probability."""

    id: str
    p: float


class ScaledOut(BaseModel):
    """A score as it was given, with its scale."""

    kind: str
    value: float
    min: float
    max: float
    question: str
    wording: str


class PartsOut(BaseModel):
    """What is known of a record; its text is in taxonomy and ingest only."""

    known_at: str
    counted_at: str
    source: str
    kind: str
    stakeholder: str
    channel: str
    product: str
    segment: str
    team: str
    suspect: bool
    score: ScaledOut | None
    account: str
    causes: list[CauseOut]
    stage: str
    severity: float
    sentiment: float
    model: str
    taxonomy: int


class RecordOut(BaseModel):
    """A record behind a number. One that was counted otherwise at `as_of` comes without `parts`."""

    record: str
    occurred_at: str
    person: str | None
    parts: PartsOut | None


@router.get("/v1/records", responses=PROBLEMS)
async def list_records(
    request: Request,
    who: Reader,
    since: Moment,
    until: Moment,
    cell: CellName = "all",
    as_of: AsOf = None,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[RecordOut]:
    """The records of a cell that happened in [since, until), in order of time."""
    check_cell(cell)
    if cell.startswith("employee/"):
        raise Problem(403, "employees are shown in groups only")
    low, high = local_range(since, until, 4000)
    at, record = read_cursor(cursor_, 0, "")
    wanted = Drill(cell, low, high, past(as_of))
    async with snapshot(request, who) as tx:
        found = await drilling.records(tx, who.tenant, wanted, (at, record), limit + 1)
    more = len(found) > limit
    page = found[:limit]
    return Page(
        items=[_shown(one) for one in page],
        next=cursor(*drilling.place(page[-1])) if more else None,
    )


def _shown(one: Found | Fact) -> RecordOut:
    if isinstance(one, Fact):
        return RecordOut(
            record=one.record, occurred_at=shown(one.at), person=one.person or None, parts=None
        )
    score = one.score
    return RecordOut(
        record=one.record,
        occurred_at=shown(one.occurred_at),
        person=one.person or None,
        parts=PartsOut(
            known_at=shown(one.known_at),
            counted_at=shown(one.counted_at),
            source=one.source,
            kind=one.kind,
            stakeholder=one.stakeholder,
            channel=one.channel,
            product=one.product,
            segment=one.segment,
            team=one.team,
            suspect=one.suspect,
            score=None
            if score is None
            else ScaledOut(
                kind=score.kind,
                value=score.value,
                min=score.min,
                max=score.max,
                question=score.question,
                wording=score.wording,
            ),
            account=one.account,
            causes=[CauseOut(id=cause, p=p) for cause, p in one.causes],
            stage=one.stage,
            severity=one.severity,
            sentiment=one.sentiment,
            model=one.model,
            taxonomy=one.taxonomy,
        ),
    )
