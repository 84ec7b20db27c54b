"""What reads have in common: who may ask, times on the edge, refusals."""

import contextlib
import time
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from voc_common.auth import Principal
from voc_common.http import Problem, caller
from voc_common.http.times import Moment
from voc_common.postgres import Transaction

from voc_scorecard.handlers.as_of import TooFarBack

Reader = Annotated[Principal, Depends(caller("scorecard:read"))]
AsOf = Annotated[
    Moment | None,
    Query(description="the numbers as they were at this moment; without it, as they are now"),
]
CellName = Annotated[
    str,
    Query(
        max_length=500,
        description="as a scorecard names it: `all`, `cause:late_delivery`, `segment:smb`, `employee/all`",
    ),
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_DAYS = 100_000
_LATEST = _DAYS * 86_400_000_000

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"type": "object"}}},
    }
    for status, description in (
        (401, "no token, or one that proves nothing"),
        (403, "the token does not allow this"),
        (422, "a parameter is not valid; the detail says which"),
        (503, "the database cannot be reached; Retry-After says when to try again"),
    )
}


def now() -> int:
    """This moment, UTC microseconds."""
    return time.time_ns() // 1000


def micros(moment: datetime | None) -> int:
    """UTC microseconds of a moment from 1970 to 2243, 0 for None; raises 422 for any other."""
    if moment is None:
        return 0
    at = (moment - _EPOCH) // timedelta(microseconds=1)
    if not 0 < at < _LATEST:
        raise Problem(422, "times lie between 1970 and 2243")
    return at


def past(as_of: datetime | None) -> int:
    """`as_of` as microseconds; raises 422 if it has not come yet."""
    at = micros(as_of)
    if at > now():
        raise Problem(422, "as_of lies in the future")
    return at


def shown(at: int) -> str:
    """UTC microseconds as ISO 8601 with Z."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def day(number: int) -> date:
    """A local day by its number since 1970-01-01."""
    return _EPOCH_DAY + timedelta(days=number)


def day_number(local: date) -> int:
    """Days since 1970-01-01 of a local day; raises 422 if that is before."""
    number = (local - _EPOCH_DAY).days
    if not 0 < number < _DAYS:
        raise Problem(422, "days lie between 1970 and 2243")
    return number


def local_range(since: datetime, until: datetime, most_days: int) -> tuple[int, int]:
    """[since, until) in microseconds; raises 422 if it is empty or longer than `most_days`."""
    low, high = micros(since), micros(until)
    if low >= high:
        raise Problem(422, "since must lie before until")
    if high - low > most_days * 86_400_000_000:
        raise Problem(422, f"at most {most_days} days at a time")
    return low, high


@contextlib.asynccontextmanager
async def snapshot(request: Request, who: Principal) -> AsyncGenerator[Transaction]:
    """A transaction that sees one state; what cannot be read back becomes 422."""
    try:
        async with request.app.state.voc.database.transaction(who.tenant, snapshot=True) as tx:
            yield tx
    except TooFarBack as error:
        raise Problem(422, str(error)) from error
