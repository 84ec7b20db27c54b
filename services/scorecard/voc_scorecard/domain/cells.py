"""Counts of people per cell and closed bucket: what the hot-issue detector looks at."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

MINUTE = 60_000_000
BUCKET = 10 * MINUTE
"""Length of a bucket, microseconds."""
HOUR_BUCKETS = 6
DAY_BUCKETS = 144
_EPOCH_WEEKDAY = 3


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What a cell counts; an empty field admits everything, `Scope()` is all feedback."""

    cause: str = ""
    stage: str = ""
    segment: str = ""
    product: str = ""

    def within(self, wider: "Scope") -> bool:
        """Whether every field that `wider` names is the same here."""
        return all(
            not theirs or mine == theirs
            for mine, theirs in (
                (self.cause, wider.cause),
                (self.stage, wider.stage),
                (self.segment, wider.segment),
                (self.product, wider.product),
            )
        )


ALL = Scope()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cause stands in the taxonomy: its parent theme and its journey stage, or empty."""

    parent: str = ""
    stage: str = ""


@dataclass(frozen=True)
class Cells:
    """People per cell and bucket, and how the cells hang together.

    `people` has shape (cells, buckets); a person counts once per cell and tenant-local day, in that
    day's earliest bucket. `start` is the start of the first bucket (UTC microseconds, a multiple of
    `BUCKET`); buckets follow without gaps and all are closed. `group[c]` is the cell whose people give
    the volume ratio of cell c, `theme[c]` the cell taken out of it so that an outbreak does not excuse
    itself; `group[c] == c` means ratio 1. Only `watched` cells may raise an alarm.
    """

    scopes: tuple[Scope, ...]
    people: NDArray[Any]
    start: int
    zone: str
    group: NDArray[np.intp]
    theme: NDArray[np.intp]
    watched: NDArray[np.bool_]
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])

    def __post_init__(self) -> None:
        if self.start % BUCKET:
            raise ValueError("the first bucket must start at a multiple of ten minutes")
        if self.people.shape[0] != len(self.scopes):
            raise ValueError("one row of people per scope")

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return int(self.people.shape[1])

    def starts_at(self, bucket: int) -> int:
        """Start of a bucket, UTC microseconds."""
        return self.start + bucket * BUCKET

    def bucket_of(self, moment: int) -> int:
        """The bucket in which a moment (UTC microseconds) lies; may be out of range."""
        return (moment - self.start) // BUCKET


class People:
    """People of scopes in buckets, counted up bit by bit; buckets before or behind those given are left out.

    `start` is the number of the first bucket, from 1970.
    """

    def __init__(self, start: int, buckets: int) -> None:
        self._start, self._buckets = start, buckets
        self._rows: dict[Scope, NDArray[Any]] = {}

    def add(self, scope: Scope, at: ArrayLike, people: ArrayLike) -> None:
        """Add the people of a scope: numbers of buckets, and how many each."""
        bucket, counts = np.asarray(at, np.int64) - self._start, np.asarray(people, np.int32)
        row = self._rows.get(scope)
        # Ten minutes seldom hold many people: half the memory, while sums of some thousands still fit.
        if row is None:
            row = self._rows[scope] = np.zeros(self._buckets, np.int16)
        if row.dtype == np.int16 and counts.max(initial=0) >= 2**12:
            row = self._rows[scope] = row.astype(np.int32)
        inside = (bucket >= 0) & (bucket < self._buckets)
        np.add.at(row, bucket[inside], counts[inside].astype(row.dtype))

    def cells(
        self,
        zone: str,
        places: Mapping[str, Place] | None = None,
        unwatched: Collection[str] = (),
    ) -> Cells:
        """Cells of what was counted, which is gone afterwards.

        Groups are chosen from the scopes that occur: a cause or stage in a segment or product is held
        against all feedback of that segment or product, if such a row occurs, else against all feedback;
        `Scope()` must occur for there to be any ratio. Every cause and stage is watched but those causes
        named in `unwatched` (praise, say).
        """
        scopes = tuple(sorted(self._rows))
        index = {scope: i for i, scope in enumerate(scopes)}
        kind = np.result_type(np.int16, *self._rows.values())
        people: NDArray[Any] = np.zeros((len(scopes), self._buckets), kind)
        for i, scope in enumerate(scopes):
            people[i] = self._rows.pop(scope)
        group, theme = _arrange(scopes, index, places or {})
        watched = np.array(
            [bool(s.cause or s.stage) and s.cause not in unwatched for s in scopes], np.bool_
        )
        start = self._start * BUCKET
        return Cells(scopes, people, start, zone, group, theme, watched, places or {})


def cells_from(
    rows: Iterable[tuple[Scope, int, int]],
    *,
    start: int,
    buckets: int,
    zone: str,
    places: Mapping[str, Place] | None = None,
    unwatched: Collection[str] = (),
) -> Cells:
    """Cells of sparse `rows` (scope, bucket start in UTC microseconds, people); see `People.cells`."""
    by_scope: dict[Scope, tuple[list[int], list[int]]] = {}
    for scope, moment, people in rows:
        at, counts = by_scope.setdefault(scope, ([], []))
        at.append(moment // BUCKET)
        counts.append(people)
    if start % BUCKET:
        raise ValueError("the first bucket must start at a multiple of ten minutes")
    counted = People(start // BUCKET, buckets)
    for scope, (at, counts) in by_scope.items():
        counted.add(scope, at, counts)
    return counted.cells(zone, places, unwatched)


def _arrange(
    scopes: Sequence[Scope], index: Mapping[Scope, int], places: Mapping[str, Place]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    group = np.arange(len(scopes), dtype=np.intp)
    theme = np.arange(len(scopes), dtype=np.intp)
    for i, scope in enumerate(scopes):
        if not (scope.cause or scope.stage):
            continue
        whole = Scope(segment=scope.segment, product=scope.product)
        group[i] = index.get(whole, index.get(ALL, i))
        parent = places.get(scope.cause, Place()).parent
        wider = Scope(cause=parent, segment=scope.segment, product=scope.product)
        if parent and wider in index:
            theme[i] = index[wider]
    return group, theme


@dataclass(frozen=True, slots=True)
class Calendar:
    """The tenant's local days and hours over the buckets.

    `hour` numbers the hours in which buckets lie from 0; `day_of_hour` and `slot_of_hour` (hour of the
    week, Monday 00:00 = 0, 168 slots) belong to each hour, `share_of_hour` is the part of it that the
    buckets cover; `days` is the number of local days, whole or not.
    """

    hour: NDArray[np.intp]
    first_bucket: NDArray[np.intp]
    day_of_hour: NDArray[np.intp]
    slot_of_hour: NDArray[np.intp]
    share_of_hour: NDArray[np.float64]
    days: int


def calendar(cells: Cells) -> Calendar:
    """Local days and hours of the week of every bucket, right through daylight saving."""
    zone = ZoneInfo(cells.zone)
    local: list[int] = []
    for bucket in range(0, cells.buckets, HOUR_BUCKETS // 2):
        moment = datetime.fromtimestamp(cells.starts_at(bucket) / 1e6, zone)
        offset = moment.utcoffset() or timedelta()
        local.append(cells.starts_at(bucket) // MINUTE + round(offset.total_seconds() / 60))
    half_hours = np.array(local, np.int64)
    step = np.arange(cells.buckets) % (HOUR_BUCKETS // 2) * 10
    minutes = np.repeat(half_hours, HOUR_BUCKETS // 2)[: cells.buckets] + step
    hours = minutes // 60
    new = np.r_[True, hours[1:] != hours[:-1]] if len(hours) else np.zeros(0, np.bool_)
    first = np.flatnonzero(new)
    each = hours[first]
    day = each // 24
    return Calendar(
        hour=np.cumsum(new) - 1,
        first_bucket=first,
        day_of_hour=(day - day[0]).astype(np.intp) if len(day) else day.astype(np.intp),
        slot_of_hour=((day + _EPOCH_WEEKDAY) % 7 * 24 + each % 24).astype(np.intp),
        share_of_hour=np.diff(np.r_[first, cells.buckets]) / HOUR_BUCKETS,
        days=int(day[-1] - day[0]) + 1 if len(day) else 0,
    )
