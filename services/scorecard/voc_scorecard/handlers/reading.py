"""Answer reads: a scorecard, a time series, the records behind a number; now, or as they were once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from zoneinfo import ZoneInfo

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_scorecard.domain import dimensions
from voc_scorecard.domain.ranges import (
    DAY,
    FIVE_MINUTES,
    HOUR,
    Span,
    day_start,
    five,
    local_day,
    local_spans,
    sum_spans,
)
from voc_scorecard.domain.scorecard import (
    SMALL_GROUP,
    Score,
    Volume,
    Window,
    scores,
    trailing_score,
    volumes,
    window_spans,
)
from voc_scorecard.handlers.as_of import taken_back
from voc_scorecard.repository import journal, reads, told
from voc_scorecard.repository.reads import Sums


class Cell(Struct, frozen=True):
    """A cell's numbers in a window and in the one before; None where a small group is hidden."""

    cell: str
    now: Volume | None
    before: Volume | None
    scores: tuple[tuple[Score, Score], ...]


class Scorecard(Struct, frozen=True):
    """A scorecard: the whole and its cells, what was read, and how sure it is.

    `since` and `until` are the window in UTC microseconds. `late` and `suspect` count among the records
    of the whole. `corrected` counts facts of the window that changed after it ended, by reason.
    """

    zone: str
    window: Window
    since: int
    until: int
    whole: Cell
    cells: tuple[Cell, ...]
    names: Mapping[str, str]
    late: int
    suspect: int
    corrected: Mapping[str, int]
    watermark: int


class Asked(Struct, frozen=True):
    """What a scorecard is wanted for: `last` local day (None: today) and `as_of` (0: now), in microseconds."""

    by: str
    days: int
    stakeholder: str
    last: int | None
    as_of: int


async def scorecard(
    tx: Transaction, tenant: str, asked: Asked, now: int, topics: Sequence[str]
) -> Scorecard:
    """The scorecard of a tenant; `tx` must be a snapshot. Raises `TooFarBack`."""
    zone = await told.zone(tx, tenant)
    at = ZoneInfo(zone)
    moment = asked.as_of or now
    last = local_day(moment, at) if asked.last is None else asked.last
    window = Window(last, asked.days)
    until = min(day_start(last + 1, at), moment)
    later = await taken_back(tx, tenant, asked.as_of)
    before = dimensions.prefix(asked.stakeholder)
    marks = [before + name for name in (dimensions.LATE, dimensions.SUSPECT)]
    whole = before + dimensions.ALL
    spans = window_spans(window)
    split = reads.beginning(f"{before}{asked.by}:")
    cells = [split, *map(reads.named, (whole, *marks))]
    counted, answered = [
        await reads.sums(tx, table, tenant, cells, spans, window=window.days, later=later)
        for table in ("volume", "score")
    ]
    questions: dict[str, set[str]] = defaultdict(set)
    for cell, metric, _ in answered:
        questions[cell].add(metric)

    def shown(cell: str) -> Cell:
        small = asked.stakeholder == "employee"
        return _cell(cell, counted, answered, sorted(questions[cell]), small=small)

    late, suspect = (counted[name, "", "now"][0] for name in marks)
    watermark, _ = await told.watermark(tx, topics)
    return Scorecard(
        zone,
        window,
        day_start(window.first, at),
        until,
        shown(whole),
        tuple(filter(_told, map(shown, sorted({c for c, _, _ in counted if c in split})))),
        await told.cause_names(tx, tenant) if asked.by == "cause" else {},
        late,
        suspect,
        await journal.reasons(tx, tenant, day_start(window.first, at), until, until),
        watermark,
    )


def _told(cell: Cell) -> bool:
    """Whether there is something in one of the windows, if only hidden."""
    return any(each is None or each.records > 0 for each in (cell.now, cell.before))


def _cell(cell: str, counted: Sums, answered: Sums, metrics: Sequence[str], *, small: bool) -> Cell:
    now, before = (
        each.shown(small) for each in volumes(*(counted[cell, "", label] for label in _LABELS))
    )
    pairs = [
        scores(metric, *(answered[cell, metric, label] for label in _LABELS))
        for metric in metrics
        if now is not None
    ]
    shown = tuple((one, other) for one, other in pairs if one.nps.n or other.nps.n)
    return Cell(cell, now, before, shown)


_LABELS = ("now", "before", "past")


class Point(Struct, frozen=True):
    """A value of a series: from `since` to `until` (UTC microseconds)."""

    since: int
    until: int
    volume: Volume | None = None
    score: Score | None = None


async def volume_series(
    tx: Transaction, tenant: str, cell: str, grain: str, since: int, until: int, as_of: int
) -> list[Point]:
    """Records and people of a cell by local day or UTC hour in [since, until), or of the `whole` range.

    People count once per local day, in its earliest bucket: over several days they are person-days.
    Days and hours that the range only touches are whole. `tx` must be a snapshot.
    """
    zone = ZoneInfo(await told.zone(tx, tenant))
    later = await taken_back(tx, tenant, as_of)
    small = cell.startswith(dimensions.prefix("employee"))
    if grain == "whole":
        low, high = five(since), -(-until // FIVE_MINUTES)
        spans = {"range": local_spans(low, high, zone)}
        sums = await reads.sums(tx, "volume", tenant, [reads.named(cell)], spans, later=later)
        counts = Volume(*sums[cell, "", "range"]).shown(small)
        return [Point(low * FIVE_MINUTES, high * FIVE_MINUTES, counts)]
    if grain == "day":
        span = Span(DAY, local_day(since, zone), local_day(until - 1, zone) + 1)
    else:
        span = Span(HOUR, since // _HOUR, -(-until // _HOUR))
    found = await reads.by_bucket(tx, tenant, cell, span, later)
    points: list[Point] = []
    for bucket in range(span.low, span.high):
        counts = Volume(*found.get(bucket, (0, 0, 0))).shown(small)
        begin, end = (
            (day_start(bucket, zone), day_start(bucket + 1, zone))
            if grain == "day"
            else (bucket * _HOUR, (bucket + 1) * _HOUR)
        )
        points.append(Point(begin, end, counts))
    return points


_HOUR = 12 * FIVE_MINUTES


def _plus(sums: list[int], more: list[int]) -> list[int]:
    return [a + b for a, b in zip(sums, more, strict=True)]


async def score_series(
    tx: Transaction,
    tenant: str,
    cell: str,
    metric: str,
    days: int,
    since: int,
    until: int,
    as_of: int,
) -> list[Point]:
    """The trailing score of a cell at the end of each local day in [since, until); `tx` must be a snapshot."""
    zone = ZoneInfo(await told.zone(tx, tenant))
    later = await taken_back(tx, tenant, as_of)
    lasts = range(local_day(since, zone), local_day(until - 1, zone) + 1)
    low = lasts.start - days + 1
    spans = {"before": sum_spans(low)}
    spans |= {str(day): [Span(DAY, day, day + 1)] for day in range(low, lasts.stop)}
    found = await reads.sums(
        tx, "score", tenant, [reads.named(cell)], spans, metric=metric, window=days, later=later
    )
    # Of all days before `low`, before the one after it, and so on: every window is the difference of two.
    before = list(accumulate((found[cell, metric, label] for label in spans), _plus))
    small = cell.startswith(dimensions.prefix("employee"))
    points: list[Point] = []
    for last in lasts:
        began, ended = before[last - lasts.start], before[last + days - lasts.start]
        one = trailing_score(metric, ended, began)
        window = Window(last, days)
        shown = None if small and one.nps.n < SMALL_GROUP else one
        begin = day_start(window.first, zone)
        points.append(Point(begin, day_start(last + 1, zone), None, shown))
    return points
