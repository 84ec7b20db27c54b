"""The scorecard: trailing numbers of every cell of a dimension."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from voc_common.events import ActivityIdentified, FeedbackClassified
from voc_common.http.times import Day
from voc_common.wire import topic

from voc_scorecard.api.asking import (
    PROBLEMS,
    AsOf,
    Reader,
    day,
    day_number,
    now,
    past,
    shown,
    snapshot,
)
from voc_scorecard.domain import dimensions
from voc_scorecard.domain.scorecard import SMALL_GROUP, Score, Volume
from voc_scorecard.handlers import reading
from voc_scorecard.handlers.reading import Asked, Cell

router = APIRouter(tags=["scorecard"])

By = Literal["cause", "stage", "channel", "product", "segment", "team"]
Trailing = Literal["7d", "30d", "90d", "365d"]
Stakeholder = Literal["customer", "employee", "partner"]
TOPICS = [topic(kind, "live") for kind in (FeedbackClassified, ActivityIdentified)]


class VolumeOut(BaseModel):
    """How much feedback: records, distinct people among those with a person, records without one."""

    records: int
    people: int
    without_person: int


class ScoreOut(BaseModel):
    """A net promoter score in points of the latest answer per person, with its 95 % interval.

    `value`, `low` and `high` are null where `hidden` says why. `grey`: the interval is wider than 10
    points to either side, so no decision should rest on it. `change` is against the window before.
    """

    metric: str
    n: int
    promoters: int
    detractors: int
    without_person: int
    value: float | None
    low: float | None
    high: float | None
    grey: bool
    hidden: str | None
    change: float | None = None


class CellOut(BaseModel):
    """A cell's numbers in the window and in the one before; null where a group is too small to show."""

    cell: str
    value: str
    name: str | None = Field(default=None, description="of a cause, from the taxonomy")
    volume: VolumeOut | None
    before: VolumeOut | None
    scores: list[ScoreOut]
    hidden: str | None = None


class ScorecardOut(BaseModel):
    """Trailing numbers: `window` local days of the tenant, the last of them `end`, up to `until`.

    `provisional`: the window has not ended, or not all that was known before its end is counted yet
    (`counted_through`). `restated` counts facts of the window that changed after it had ended, by reason.
    `late` records were known more than a day after they happened; `suspect` ones give no score.
    """

    by: By
    window: Trailing
    zone: str
    begin: date
    end: date
    since: str
    until: str
    as_of: str
    provisional: bool
    counted_through: str | None
    restated: dict[str, int]
    late: int
    suspect: int
    whole: CellOut
    cells: list[CellOut]


@router.get("/v1/scorecard", responses=PROBLEMS)
async def get_scorecard(
    request: Request,
    who: Reader,
    by: By = "cause",
    window: Trailing = "30d",
    end: Annotated[Day | None, Query(description="last local day; without it, today")] = None,
    as_of: AsOf = None,
    stakeholder: Stakeholder = "customer",
) -> ScorecardOut:
    """Records, people and scores of every cell of a dimension, and their change against the window before."""
    moment, then = now(), past(as_of)
    last = None if end is None else day_number(end)
    asked = Asked(by, int(window[:-1]), stakeholder, last, then)
    async with snapshot(request, who) as tx:
        found = await reading.scorecard(tx, who.tenant, asked, moment, TOPICS)
    return ScorecardOut(
        by=by,
        window=window,
        zone=found.zone,
        begin=day(found.window.first),
        end=day(found.window.last),
        since=shown(found.since),
        until=shown(found.until),
        as_of=shown(then or moment),
        provisional=found.watermark < found.until,
        counted_through=shown(found.watermark) if found.watermark else None,
        restated=dict(found.corrected),
        late=found.late,
        suspect=found.suspect,
        whole=cell_out(found.whole, {}),
        cells=[
            cell_out(cell, found.names)
            for cell in sorted(
                found.cells, key=lambda c: (-(c.now.records if c.now else 0), c.cell)
            )
        ],
    )


def cell_out(cell: Cell, names: Mapping[str, str]) -> CellOut:
    """A cell as it is shown."""
    value = dimensions.value(cell.cell)
    return CellOut(
        cell=cell.cell,
        value=value,
        name=names.get(value),
        volume=volume_out(cell.now),
        before=volume_out(cell.before),
        scores=[score_out(score, before) for score, before in cell.scores],
        hidden=None if cell.now else f"fewer than {SMALL_GROUP} people",
    )


def volume_out(volume: Volume | None) -> VolumeOut | None:
    """Counts as they are shown."""
    if volume is None:
        return None
    return VolumeOut(records=volume.records, people=volume.people, without_person=volume.singles)


def score_out(score: Score, before: Score | None = None) -> ScoreOut:
    """A score as it is shown, to a tenth of a point."""
    nps, past_value = score.nps, before.nps.value if before else None
    change = None if nps.value is None or past_value is None else round(nps.value - past_value, 1)
    return ScoreOut(
        metric=score.metric,
        n=nps.n,
        promoters=nps.promoters,
        detractors=nps.detractors,
        without_person=score.singles,
        value=None if nps.value is None else round(nps.value, 1),
        low=None if nps.low is None else round(nps.low, 1),
        high=None if nps.high is None else round(nps.high, 1),
        grey=nps.grey,
        hidden=nps.hidden or None,
        change=change,
    )
