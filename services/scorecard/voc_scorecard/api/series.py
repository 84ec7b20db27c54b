"""Time series of one cell."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from voc_common.http import Problem
from voc_common.http.times import Moment

from voc_scorecard.api.asking import (
    PROBLEMS,
    AsOf,
    CellName,
    Reader,
    local_range,
    now,
    past,
    shown,
    snapshot,
)
from voc_scorecard.api.scorecard import ScoreOut, Trailing, VolumeOut, score_out, volume_out
from voc_scorecard.domain.dimensions import parts
from voc_scorecard.handlers import reading

router = APIRouter(tags=["scorecard"])

_MOST_DAYS = {"day": 800, "hour": 62, "whole": 4000}


class PointOut(BaseModel):
    """A value of a series; `volume` or `score`, null where a group is too small to show."""

    since: str
    until: str
    volume: VolumeOut | None = None
    score: ScoreOut | None = None


class SeriesOut(BaseModel):
    """A series. People count once per local day, in its earliest bucket; over days they are person-days.

    A score is that of the trailing `window` that ends with each local day.
    """

    cell: str
    metric: str
    grain: str
    window: str | None
    as_of: str
    points: list[PointOut]


@router.get("/v1/series", responses=PROBLEMS)
async def get_series(
    request: Request,
    who: Reader,
    since: Moment,
    until: Moment,
    cell: CellName = "all",
    metric: Annotated[
        str,
        Query(
            max_length=500, description="`volume`, or a score as a scorecard names it: `nps:...`"
        ),
    ] = "volume",
    grain: Literal["day", "hour", "whole"] = "day",
    window: Trailing = "30d",
    as_of: AsOf = None,
) -> SeriesOut:
    """Records and people of a cell by local day, by hour of UTC, or in the whole range; or its score by day."""
    check_cell(cell)
    then = past(as_of)
    scored = metric != "volume"
    if scored and grain != "day":
        raise Problem(422, "a score has a value for each day only")
    low, high = local_range(since, until, _MOST_DAYS[grain])
    async with snapshot(request, who) as tx:
        if scored:
            days = int(window[:-1])
            points = await reading.score_series(tx, who.tenant, cell, metric, days, low, high, then)
        else:
            points = await reading.volume_series(tx, who.tenant, cell, grain, low, high, then)
    return SeriesOut(
        cell=cell,
        metric=metric,
        grain=grain,
        window=window if scored else None,
        as_of=shown(then or now()),
        points=[
            PointOut(
                since=shown(p.since),
                until=shown(p.until),
                volume=volume_out(p.volume),
                score=score_out(p.score) if p.score else None,
            )
            for p in points
        ],
    )


def check_cell(cell: str) -> None:
    """Raise 422 if there can be no such cell."""
    try:
        parts(cell)
    except ValueError as error:
        raise Problem(422, str(error)) from error
