"""What facts add to the counters, and how much a change moves them: new minus old, folded over a batch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, TypeVar

from msgspec import Struct

from voc_scorecard.domain.chains import WINDOWS, links, within
from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.ranges import BLOCK, DAY, DAYS_PER_BLOCK, ERA, local_grains

T = TypeVar("T")
_SIGNS = (-1, 1)
"""Of what was and of what is."""
ByCell = dict[str, int]
Columns = dict[str, ByCell]
Moved = dict[tuple[Any, ...], Columns]
"""What moves: by all of a counter's key but the cell, for each column that moves, how much in which cell."""

SCORED = ("n", "promoters", "detractors")
"""What is counted of answers: all, those of 9 and 10, those of 0 to 6."""
BEGAN = {w: f"began_{w}" for w in WINDOWS}
ENDED = {w: f"ended_{w}" for w in WINDOWS}
"""Columns of links between days by the smallest window that holds both: at the day that another follows, and
at the one that follows it."""
REPLACED = {w: tuple(f"began_{w}_{c}" for c in SCORED) for w in WINDOWS}
REPLACING = {w: tuple(f"ended_{w}_{c}" for c in SCORED) for w in WINDOWS}
"""The same of answers, of the replaced one."""


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
        """Count these cells, each named once, up or down."""
        (self.up if sign > 0 else self.down).append(cells)

    def include(self, other: "Tally") -> None:
        """Count what another counted as well."""
        self.up += other.up
        self.down += other.down

    def counts(self) -> ByCell:
        """The sum for each cell in which there is one."""
        if self.up == self.down:
            # What went from one person came to another.
            return {}
        if len(self.up) + len(self.down) == 1:
            return dict.fromkeys(self.up[0], 1) if self.up else dict.fromkeys(self.down[0], -1)
        found = Counter(chain.from_iterable(self.up))
        if not self.down:
            return found
        for cell, count in Counter(chain.from_iterable(self.down)).items():
            found[cell] = found.get(cell, 0) - count
        return {cell: count for cell, count in found.items() if count}


Tallies = dict[tuple[Any, ...], dict[str, Tally]]


def _tallies() -> Tallies:
    return defaultdict(lambda: defaultdict(Tally))


class Delta:
    """How much a batch moves each counter. Sums only, so that the order of additions never matters."""

    def __init__(self) -> None:
        self._volume = _tallies()
        self._linked = _tallies()
        self._pulse = _tallies()
        self._score = _tallies()
        self._replaced = _tallies()

    def record(self, tenant: str, old: Fact | None, new: Fact | None) -> None:
        """Count what a record is now instead of what it was, whoever's it is; its persons are counted apart.

        Without a person it counts singly, also for the detector and the score.
        """
        if old is not None and new is not None and _alike(old, new):
            return
        if old is not None:
            self._record(tenant, old, -1)
        if new is not None:
            self._record(tenant, new, 1)

    def _record(self, tenant: str, fact: Fact, sign: int) -> None:
        counted = self._volume[tenant, fact.bucket, fact.day]
        counted["records"].add(fact.cells, sign)
        if fact.metric:
            columns = self._score[tenant, fact.metric, fact.day]
            _score(columns, SCORED, fact, sign)
            if not fact.person:
                columns["singles"].add(fact.cells, sign)
        if not fact.person:
            counted["singles"].add(fact.cells, sign)
            if fact.watched:
                self.watched(tenant, fact.known, fact.watched, sign)

    def presence(self, tenant: str, day: int, old: Presence, new: Presence) -> None:
        """Count one person on one local day: once per cell, in its earliest bucket."""
        for sign, buckets in _shifts(old.seen, new.seen):
            for bucket, cells in buckets.items():
                self.people(tenant, bucket, day, cells, sign)
        for sign, buckets in _shifts(old.known, new.known):
            for bucket, cells in buckets.items():
                self.watched(tenant, bucket, cells, sign)

    def people(self, tenant: str, bucket: int, day: int, cells: Collection[str], sign: int) -> None:
        """Count a person in these cells on a day, in its first bucket there."""
        self._volume[tenant, bucket, day]["people"].add(cells, sign)

    def watched(self, tenant: str, bucket: int, cells: Collection[str], sign: int) -> None:
        """Count a person in these watched cells, in the first bucket of its day that was known."""
        self._pulse[tenant, bucket]["people"].add(cells, sign)

    def days(self, tenant: str, cell: str, old: Sequence[int], new: Sequence[int]) -> None:
        """Count which of a person's ascending days in a cell another one follows, those of now instead of the old."""
        for sign, days in zip(_SIGNS, apart(old, new), strict=True):
            for link in links(days):
                if link:
                    self._linked[tenant, link.began][BEGAN[link.within]].add((cell,), sign)
                    self._linked[tenant, link.ended][ENDED[link.within]].add((cell,), sign)

    def next_day(self, tenant: str, cells: Collection[str], before: int, day: int) -> None:
        """Count that a person's last day in these cells, `before`, is now followed by `day`."""
        window = within(day - before)
        if window:
            self._linked[tenant, before][BEGAN[window]].add(cells, 1)
            self._linked[tenant, day][ENDED[window]].add(cells, 1)

    def answers(self, tenant: str, old: Iterable[Fact], new: Iterable[Fact]) -> None:
        """Count which of a person's scored answers later ones to the same question replace, instead of the old."""
        before, after = _chains(old), _chains(new)
        for metric in before.keys() | after.keys():
            sides = apart(before.get(metric, ()), after.get(metric, ()))
            for sign, given in zip(_SIGNS, sides, strict=True):
                for answer, following in pairwise(given):
                    self.replaced(tenant, answer, following, sign)

    def replaced(self, tenant: str, answer: Fact, following: Fact, sign: int) -> None:
        """Count that a person's next answer to a question replaces this one."""
        window = within(following.day - answer.day)
        if window:
            at = (tenant, answer.metric)
            _score(self._replaced[*at, answer.day], REPLACED[window], answer, sign)
            _score(self._replaced[*at, following.day], REPLACING[window], answer, sign)

    def include(self, other: "Delta") -> None:
        """Count what another counted as well."""
        for mine, theirs in zip(self._every(), other._every(), strict=True):
            for key, columns in theirs.items():
                for name, tally in columns.items():
                    mine[key][name].include(tally)

    def _every(self) -> tuple[Tallies, ...]:
        return self._volume, self._linked, self._pulse, self._score, self._replaced

    def moved(self) -> dict[str, Moved]:
        """What moves, by table of counters."""
        return {
            "volume": _beside(
                _rolled(self._volume, lambda key: [(key[0], *at) for at in local_grains(*key[1:])]),
                _rolled(self._linked, _by_eras),
            ),
            "pulse": _rolled(self._pulse, lambda key: [key]),
            "score": _beside(_rolled(self._score, _by_days), _rolled(self._replaced, _by_eras)),
        }


def _alike(one: Fact, other: Fact) -> bool:
    """Whether a record counts as much either way, whoever's it is."""
    return (
        one.cells == other.cells
        and (one.bucket, one.day, one.metric, one.value)
        == (other.bucket, other.day, other.metric, other.value)
        and bool(one.person) == bool(other.person)
        and (bool(one.person) or (one.known, one.watched) == (other.known, other.watched))
    )


def _chains(members: Iterable[Fact]) -> dict[str, list[Fact]]:
    """The answers to each question, in order."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for answer in sorted([f for f in members if f.metric], key=chain_order):
        found[answer.metric].append(answer)
    return found


def apart(old: Sequence[T], new: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """The parts in which two sequences differ, with what both have on either side: links to others are the same."""
    shorter = min(len(old), len(new))
    begin = 0
    while begin < shorter and old[begin] == new[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    if begin == len(old) == len(new):
        return (), ()
    first, rest = max(begin - 1, 0), max(end - 1, 0)
    return old[first : len(old) - rest], new[first : len(new) - rest]


def _beside(moved: Moved, links: Moved) -> Moved:
    """Columns of links beside those of what they link, in the same rows."""
    for key, columns in links.items():
        moved.setdefault(key, {}).update(columns)
    return moved


def _shifts(
    old: Mapping[str, int], new: Mapping[str, int]
) -> tuple[tuple[int, dict[int, list[str]]], ...]:
    """(1, buckets that gained these cells) and (-1, buckets that lost these)."""
    kept = old.items() & new.items() if old and new else ()
    return (1, _by_bucket(new, kept)), (-1, _by_bucket(old, kept))


def _by_bucket(seen: Mapping[str, int], kept: Collection[tuple[str, int]]) -> dict[int, list[str]]:
    """Cells by bucket, without those that are kept."""
    found: dict[int, list[str]] = {}
    for each in seen.items():
        if each not in kept:
            found.setdefault(each[1], []).append(each[0])
    return found


def _by_days(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    *rest, day = key
    return [(*rest, DAY, day), (*rest, BLOCK, day // DAYS_PER_BLOCK)]


def _by_eras(key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [*_by_days(key), (*key[:-1], ERA, key[-1] // DAYS_PER_BLOCK**2)]


def _rolled(tallies: Tallies, grains: Callable[[tuple[Any, ...]], list[tuple[Any, ...]]]) -> Moved:
    """The sums in every grain."""
    found: Moved = {}
    for key, tally in tallies.items():
        columns = {name: counts for name, column in tally.items() if (counts := column.counts())}
        for at in grains(key) if columns else ():
            known = found.setdefault(at, {})
            for name, counts in columns.items():
                known[name] = _sum(known[name], counts) if name in known else counts
    return found


def _sum(one: ByCell, other: ByCell) -> ByCell:
    # A new one: the grains share theirs.
    found = dict(one)
    for cell, count in other.items():
        found[cell] = found.get(cell, 0) + count
    return found


def _score(columns: Mapping[str, Tally], names: Sequence[str], answer: Fact, sign: int) -> None:
    n, promoters, detractors = names
    columns[n].add(answer.cells, sign)
    if answer.value > 0:
        columns[promoters].add(answer.cells, sign)
    elif answer.value < 0:
        columns[detractors].add(answer.cells, sign)


def chain_order(answer: Fact) -> tuple[int, str]:
    """At one time the record id decides, so that no arrival order does."""
    return answer.at, answer.record
