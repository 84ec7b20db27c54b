"""Grains of counters, and ranges of time cut into as few of them as possible."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

SECOND = 1_000_000
FIVE_MINUTES = 300 * SECOND
HOUR_US = 3600 * SECOND
DAY_US = 24 * HOUR_US

FIVE, HOUR, DAY, BLOCK, ERA = range(5)
"""5 minutes, 1 hour, 1 day, 8 days, 64 days. Buckets of a grain are numbered from 1970."""

DAYS_PER_BLOCK = 8
_FIVES_PER_HOUR = 12
_EPOCH = date(1970, 1, 1)


class Span(Struct, frozen=True, gc=False):
    """Buckets `low` (included) to `high` (excluded) of a grain."""

    grain: int
    low: int
    high: int


def five(moment: int) -> int:
    """The 5-minute bucket of a moment (UTC microseconds)."""
    return moment // FIVE_MINUTES


def local_grains(bucket: int, day: int) -> tuple[tuple[int, int], ...]:
    """(grain, bucket) that a fact of a 5-minute bucket and a local day counts in."""
    return (
        (FIVE, bucket),
        (HOUR, bucket // _FIVES_PER_HOUR),
        (DAY, day),
        (BLOCK, day // DAYS_PER_BLOCK),
    )


_WIDTHS = {FIVE: _FIVES_PER_HOUR, DAY: DAYS_PER_BLOCK, BLOCK: DAYS_PER_BLOCK}


def _nested(grain: int, low: int, high: int, coarsest: int) -> Iterator[Span]:
    """Buckets [low, high) of a grain in as few buckets as possible, none coarser than `coarsest`."""
    if low >= high:
        return
    if grain == coarsest:
        yield Span(grain, low, high)
        return
    width = _WIDTHS[grain]
    inner_low, inner_high = -(-low // width), high // width
    if inner_low >= inner_high:
        yield Span(grain, low, high)
        return
    if low < inner_low * width:
        yield Span(grain, low, inner_low * width)
    yield from _nested(grain + 1, inner_low, inner_high, coarsest)
    if inner_high * width < high:
        yield Span(grain, inner_high * width, high)


def day_spans(low: int, high: int) -> list[Span]:
    """Spans of days and blocks that cover the local days [low, high) exactly."""
    return list(_nested(DAY, low, high, BLOCK))


def sum_spans(high: int) -> list[Span]:
    """Spans of days, blocks and eras that cover all local days before `high`."""
    return list(_nested(DAY, 0, high, ERA))


def local_spans(low: int, high: int, zone: ZoneInfo) -> list[Span]:
    """Spans of the grains of `local_grains` that cover the 5-minute buckets [low, high) exactly.

    Whole local days inside are taken as days (23 to 25 hours long where the clock changes), the edges
    as hours of UTC and 5-minute buckets; a zone's midnights lie on 5 minutes.
    """
    first, last = local_day(low * FIVE_MINUTES, zone), local_day(high * FIVE_MINUTES, zone)
    if day_start(first, zone) < low * FIVE_MINUTES:
        first += 1
    if first >= last:
        return list(_nested(FIVE, low, high, HOUR))
    inner_low, inner_high = five(day_start(first, zone)), five(day_start(last, zone))
    return [
        *_nested(FIVE, low, inner_low, HOUR),
        *day_spans(first, last),
        *_nested(FIVE, inner_high, high, HOUR),
    ]


def local_day(moment: int, zone: ZoneInfo) -> int:
    """The local day of a moment (UTC microseconds), in days since 1970-01-01."""
    seconds = moment // SECOND
    return (datetime.fromtimestamp(seconds, zone).date() - _EPOCH).days


def day_start(day: int, zone: ZoneInfo) -> int:
    """The first moment of a local day, UTC microseconds."""
    midnight = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), zone)
    return round(midnight.astimezone(UTC).timestamp()) * SECOND
