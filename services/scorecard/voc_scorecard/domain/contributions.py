"""What facts add to the counters, and how much a change moves them: new minus old, folded over a batch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
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


class Delta:
    """How much a batch moves each counter. Sums only, so that the order of additions never matters."""

    def __init__(self) -> None:
        self._volume: Moved = defaultdict(lambda: (Counter(), Counter(), Counter()))
        self._pulse: Moved = defaultdict(lambda: (Counter(),))
        self._score: Moved = defaultdict(lambda: tuple(Counter() for _ in range(4)))
        self._replaced: Moved = defaultdict(lambda: tuple(Counter() for _ in range(6)))
        self._again: Moved = defaultdict(lambda: (Counter(), Counter()))

    def record(self, tenant: str, fact: Fact, sign: int) -> None:
        """Count one record; without a person it counts singly, also for the detector and the score."""
        records, _, singles = self._volume[tenant, fact.bucket, fact.day]
        _move(records, fact.cells, sign)
        if not fact.person:
            _move(singles, fact.cells, sign)
            if fact.watched:
                _move(self._pulse[tenant, fact.known][0], fact.watched, sign)
            if fact.metric:
                self._answer(tenant, fact, sign)

    def presence(self, tenant: str, day: int, there: Presence, sign: int) -> None:
        """Count one person on one local day: once per cell, in its earliest bucket."""
        for cell, bucket in there.seen.items():
            self._volume[tenant, bucket, day][1][cell] += sign
        for cell, bucket in there.known.items():
            self._pulse[tenant, bucket][0][cell] += sign

    def alone(self, tenant: str, fact: Fact) -> None:
        """Count a new record that is all there is of its person on that day."""
        records, people, _ = self._volume[tenant, fact.bucket, fact.day]
        records.update(fact.cells)
        people.update(fact.cells)
        if fact.watched:
            self._pulse[tenant, fact.known][0].update(fact.watched)

    def days(self, tenant: str, cell: str, days: Sequence[int], sign: int) -> None:
        """Count which of a person's ascending days in a cell another one follows: for people in windows."""
        for link in links(days):
            if link:
                self._again[tenant, link.within, link.began][0][cell] += sign
                self._again[tenant, link.within, link.ended][1][cell] += sign

    def next_day(self, tenant: str, cells: Iterable[str], before: int, day: int) -> None:
        """Count that a person's last day in these cells, `before`, is now followed by `day`."""
        window = within(day - before)
        if window:
            self._again[tenant, window, before][0].update(cells)
            self._again[tenant, window, day][1].update(cells)

    def answers(self, tenant: str, members: Iterable[Fact], sign: int) -> None:
        """Count a person's scored answers, and which of them later ones to the same question replace."""
        by_metric: dict[str, list[Fact]] = defaultdict(list)
        for answer in sorted((f for f in members if f.metric), key=_chain_order):
            self._answer(tenant, answer, sign)
            by_metric[answer.metric].append(answer)
        for metric, chain in by_metric.items():
            for answer, link in zip(chain, links([a.day for a in chain]), strict=False):
                if link:
                    began = self._replaced[tenant, metric, link.within, link.began]
                    _score(began[:3], answer, sign)
                    ended = self._replaced[tenant, metric, link.within, link.ended]
                    _score(ended[3:], answer, sign)

    def _answer(self, tenant: str, answer: Fact, sign: int) -> None:
        columns = self._score[tenant, answer.metric, answer.day]
        _score(columns[:3], answer, sign)
        if not answer.person:
            _move(columns[3], answer.cells, sign)

    def moved(self) -> dict[str, Moved]:
        """What moves, by table of counters."""
        return {
            "volume": _rolled(
                self._volume, lambda key: [(key[0], *at) for at in local_grains(*key[1:])]
            ),
            "pulse": self._pulse,
            "score": _rolled(self._score, _by_days),
            "replaced": _rolled(self._replaced, _by_eras),
            "again": _rolled(self._again, _by_eras),
        }


def _by_days(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    *rest, day = key
    return [(*rest, DAY, day), (*rest, BLOCK, day // DAYS_PER_BLOCK)]


def _by_eras(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [*_by_days(key), (*key[:-1], ERA, key[-1] // DAYS_PER_BLOCK**2)]


def _rolled(moved: Moved, grains: Callable[[tuple[Any, ...]], list[tuple[Any, ...]]]) -> Moved:
    """The same in every grain."""
    found: Moved = {}
    for key, columns in moved.items():
        for at in grains(key):
            known = found.get(at)
            if known is None:
                found[at] = tuple(map(Counter, columns))
            else:
                for column, counts in zip(known, columns, strict=True):
                    # In Counter's own way of adding; += would drop what falls below zero.
                    column.update(counts)
    return found


def _score(columns: Columns, answer: Fact, sign: int) -> None:
    n, promoters, detractors = columns
    _move(n, answer.cells, sign)
    if answer.value > 0:
        _move(promoters, answer.cells, sign)
    elif answer.value < 0:
        _move(detractors, answer.cells, sign)


def _chain_order(answer: Fact) -> tuple[int, str]:
    """At one time the record id decides, so that no arrival order does."""
    return answer.at, answer.record


def _move(counts: ByCell, cells: Iterable[str], sign: int) -> None:
    if sign > 0:
        counts.update(cells)
    else:
        counts.subtract(cells)
