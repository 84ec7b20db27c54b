"""What facts add to the counters, and how much a change moves them: new minus old, folded over a batch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

from msgspec import Struct

from voc_scorecard.domain.chains import links, within
from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.ranges import BLOCK, DAY, DAYS_PER_BLOCK, ERA, local_grains

ByCell = Counter[str]
Columns = tuple[ByCell, ...]
Moved = dict[tuple[Any, ...], Columns]
"""What moves: by all of a counter's key but the cell, for each counted column, how much in which cell."""


class Presence(Struct, frozen=True, gc=False):
    """A person's local day: each cell's earliest 5-minute bucket, each watched cell's earliest bucket known."""

    seen: dict[str, int]
    known: dict[str, int]


NOWHERE = Presence({}, {})


def presence(members: Sequence[Fact]) -> Presence:
    """The presence of one person on one local day, of all its facts of that day."""
    if not members:
        return NOWHERE
    first = members[0]
    seen = dict.fromkeys(first.cells, first.bucket)
    known = dict.fromkeys(first.watched, first.known)
    for fact in members[1:]:
        _earliest(seen, fact.cells, fact.bucket)
        _earliest(known, fact.watched, fact.known)
    return Presence(seen, known)


def _earliest(found: dict[str, int], cells: Iterable[str], bucket: int) -> None:
    for cell in cells:
        if bucket < found.get(cell, bucket + 1):
            found[cell] = bucket


class Tally:
    """Cells counted up and down; summed at the end, in one pass instead of one for each record."""

    __slots__ = ("down", "up")

    def __init__(self) -> None:
        self.up: list[Collection[str]] = []
        self.down: list[Collection[str]] = []

    def add(self, cells: Collection[str], sign: int) -> None:
        """Count these cells once up or down."""
        (self.up if sign > 0 else self.down).append(cells)

    def counts(self) -> ByCell:
        """The sum for each cell."""
        found = Counter(chain.from_iterable(self.up))
        if self.down:
            found.subtract(Counter(chain.from_iterable(self.down)))
        return found


Tallies = dict[tuple[Any, ...], tuple[Tally, ...]]


def _tallies(columns: int) -> Tallies:
    return defaultdict(lambda: tuple(Tally() for _ in range(columns)))


class Delta:
    """How much a batch moves each counter. Sums only, so that the order of additions never matters."""

    def __init__(self) -> None:
        self._volume = _tallies(3)
        self._pulse = _tallies(1)
        self._score = _tallies(4)
        self._replaced = _tallies(6)
        self._again = _tallies(2)

    def record(self, tenant: str, fact: Fact, sign: int) -> None:
        """Count one record; without a person it counts singly, also for the detector and the score."""
        records, _, singles = self._volume[tenant, fact.bucket, fact.day]
        records.add(fact.cells, sign)
        if not fact.person:
            singles.add(fact.cells, sign)
            if fact.watched:
                self._pulse[tenant, fact.known][0].add(fact.watched, sign)
            if fact.metric:
                self._answer(tenant, fact, sign)

    def presence(self, tenant: str, day: int, old: Presence, new: Presence) -> None:
        """Count one person on one local day: once per cell, in its earliest bucket."""
        for sign, buckets in _shifts(old.seen, new.seen):
            for bucket, cells in buckets.items():
                self._volume[tenant, bucket, day][1].add(cells, sign)
        for sign, buckets in _shifts(old.known, new.known):
            for bucket, cells in buckets.items():
                self._pulse[tenant, bucket][0].add(cells, sign)

    def people(self, tenant: str, bucket: int, day: int, cells: Collection[str], sign: int) -> None:
        """Count a person in these cells on a day, in its first bucket there."""
        self._volume[tenant, bucket, day][1].add(cells, sign)

    def watched(self, tenant: str, bucket: int, cells: Collection[str], sign: int) -> None:
        """Count a person in these watched cells, in the first bucket of its day that was known."""
        self._pulse[tenant, bucket][0].add(cells, sign)

    def days(self, tenant: str, cell: str, days: Sequence[int], sign: int) -> None:
        """Count which of a person's ascending days in a cell another one follows: for people in windows."""
        for link in links(days):
            if link:
                self._again[tenant, link.within, link.began][0].add((cell,), sign)
                self._again[tenant, link.within, link.ended][1].add((cell,), sign)

    def next_day(self, tenant: str, cells: Collection[str], before: int, day: int) -> None:
        """Count that a person's last day in these cells, `before`, is now followed by `day`."""
        window = within(day - before)
        if window:
            self._again[tenant, window, before][0].up.append(cells)
            self._again[tenant, window, day][1].up.append(cells)

    def answers(self, tenant: str, members: Iterable[Fact], sign: int) -> None:
        """Count a person's scored answers, and which of them later ones to the same question replace."""
        chains: dict[str, list[Fact]] = defaultdict(list)
        for answer in sorted([f for f in members if f.metric], key=chain_order):
            self._answer(tenant, answer, sign)
            chains[answer.metric].append(answer)
        for given in chains.values():
            for answer, following in pairwise(given):
                self._replacement(tenant, answer, following, sign)

    def answer(self, tenant: str, before: Fact | None, answer: Fact) -> None:
        """Count a person's new last answer to a question, which replaces the one `before`."""
        self._answer(tenant, answer, 1)
        if before is not None:
            self._replacement(tenant, before, answer, 1)

    def _replacement(self, tenant: str, answer: Fact, following: Fact, sign: int) -> None:
        window = within(following.day - answer.day)
        if window:
            at = (tenant, answer.metric, window)
            _score(self._replaced[*at, answer.day][:3], answer, sign)
            _score(self._replaced[*at, following.day][3:], answer, sign)

    def _answer(self, tenant: str, answer: Fact, sign: int) -> None:
        columns = self._score[tenant, answer.metric, answer.day]
        _score(columns[:3], answer, sign)
        if not answer.person:
            columns[3].add(answer.cells, sign)

    def moved(self) -> dict[str, Moved]:
        """What moves, by table of counters."""
        return {
            "volume": _rolled(
                self._volume, lambda key: [(key[0], *at) for at in local_grains(*key[1:])]
            ),
            "pulse": _rolled(self._pulse, lambda key: [key]),
            "score": _rolled(self._score, _by_days),
            "replaced": _rolled(self._replaced, _by_eras),
            "again": _rolled(self._again, _by_eras),
        }


def _shifts(
    old: Mapping[str, int], new: Mapping[str, int]
) -> tuple[tuple[int, dict[int, list[str]]], ...]:
    """(1, buckets that gained these cells) and (-1, buckets that lost these)."""
    gained: dict[int, list[str]] = {}
    lost: dict[int, list[str]] = {}
    for cell, bucket in new.items():
        if old.get(cell) != bucket:
            gained.setdefault(bucket, []).append(cell)
    for cell, bucket in old.items():
        if new.get(cell) != bucket:
            lost.setdefault(bucket, []).append(cell)
    return (1, gained), (-1, lost)


def _by_days(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    *rest, day = key
    return [(*rest, DAY, day), (*rest, BLOCK, day // DAYS_PER_BLOCK)]


def _by_eras(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [*_by_days(key), (*key[:-1], ERA, key[-1] // DAYS_PER_BLOCK**2)]


def _rolled(tallies: Tallies, grains: Callable[[tuple[Any, ...]], list[tuple[Any, ...]]]) -> Moved:
    """The sums in every grain."""
    found: Moved = {}
    for key, tally in tallies.items():
        columns = tuple([column.counts() for column in tally])
        for at in grains(key):
            known = found.get(at)
            if known is None:
                found[at] = tuple([column.copy() for column in columns])
            else:
                for column, counts in zip(known, columns, strict=True):
                    # In Counter's own way of adding; += would drop what falls below zero.
                    column.update(counts)
    return found


def _score(columns: tuple[Tally, ...], answer: Fact, sign: int) -> None:
    n, promoters, detractors = columns
    n.add(answer.cells, sign)
    if answer.value > 0:
        promoters.add(answer.cells, sign)
    elif answer.value < 0:
        detractors.add(answer.cells, sign)


def chain_order(answer: Fact) -> tuple[int, str]:
    """At one time the record id decides, so that no arrival order does."""
    return answer.at, answer.record
