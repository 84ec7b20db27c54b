"""A person as a group: what its records, taken together, move when some of them change."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct

from voc_scorecard.domain.contributions import Delta, chains_of, presence
from voc_scorecard.domain.facts import Fact


class Moves(Struct):
    """What a batch changes of one person's records: facts that came and facts that went."""

    came: list[Fact] = []
    went: list[Fact] = []

    def days(self) -> list[int]:
        """The touched local days, ascending."""
        return sorted({fact.day for fact in (*self.came, *self.went)})

    def scored(self) -> bool:
        """Whether a scored answer is among them."""
        return any(fact.metric for fact in (*self.came, *self.went))

    def sides(self, now: Iterable[Fact]) -> tuple[list[Fact], list[Fact]]:
        """Members before and after the batch, of those `now`.

        The group is locked and every change of its members takes the lock, so what the batch did not
        change itself was there before, and is counted.
        """
        changed = {fact.record for fact in (*self.came, *self.went)}
        others = [fact for fact in now if fact.record not in changed]
        return others + self.went, others + self.came


class Needs(Struct, frozen=True):
    """Which local days of a person must be read to count a batch, from `low` to `high`."""

    low: int
    high: int


ALL_DAYS = Needs(-(2**31), 2**31 - 1)


def needs(moves: Moves, latest: Mapping[str, int]) -> Needs | None:
    """None if the person's latest day per cell is enough: everything that came is later than all before."""
    newest = max(latest.values()) if latest else ALL_DAYS.low
    oldest = min(fact.day for fact in (moves.came or moves.went))
    if moves.went or oldest < newest:
        return ALL_DAYS
    return Needs(newest, newest) if oldest == newest else None


def count_new_day(
    delta: Delta, tenant: str, fact: Fact, latest: Mapping[str, int]
) -> dict[str, int]:
    """Count the only record of a person on a day after all others; returns its latest day per cell."""
    delta.alone(tenant, fact)
    return _go_on(delta, tenant, fact.cells, fact.day, latest)


def count_more(
    delta: Delta,
    tenant: str,
    came: Sequence[Fact],
    now: Iterable[Fact],
    latest: Mapping[str, int],
) -> dict[str, int]:
    """Count records on a person's last day or later ones; returns its latest day per cell.

    `now` are its members on that last day, with those that came.
    """
    new = {fact.record for fact in came}
    days = _by_day([fact for fact in now if fact.record not in new])
    for fact in sorted(came, key=attrgetter("day")):
        others = days[fact.day]
        if others:
            delta.record(tenant, fact, 1)
            delta.more(tenant, fact, others)
        else:
            delta.alone(tenant, fact)
        others.append(fact)
        latest = _go_on(delta, tenant, fact.cells, fact.day, latest)
    return dict(latest)


def recount(delta: Delta, tenant: str, moves: Moves, now: Sequence[Fact]) -> dict[str, int]:
    """Count the touched days of a person anew; returns its latest day per cell. `now` are all its members."""
    for facts, sign in ((moves.went, -1), (moves.came, 1)):
        for fact in facts:
            delta.record(tenant, fact, sign)
    before, after = map(_by_day, moves.sides(now))
    for day in moves.days():
        old, new = presence(before.get(day, ())), presence(after.get(day, ()))
        delta.presence(tenant, day, old, new)
    return _recount(delta, tenant, before, after)


def count_answers(delta: Delta, tenant: str, moves: Moves, now: Sequence[Fact]) -> None:
    """Count a person's answers anew; `now` are all its scored records."""
    before, after = moves.sides(now)
    if not any(fact.metric for fact in moves.went):
        chains = chains_of(before)
        for fact in moves.came:
            if fact.metric:
                delta.answer(tenant, fact, chains[fact.metric])
        return
    delta.answers(tenant, before, -1)
    delta.answers(tenant, after, 1)


def _go_on(
    delta: Delta, tenant: str, cells: Collection[str], day: int, latest: Mapping[str, int]
) -> dict[str, int]:
    """Follow up days in cells by `day`, which is not before any of them."""
    followed: dict[int, list[str]] = {}
    for cell in cells:
        last = latest.get(cell)
        if last is not None and last < day:
            followed.setdefault(last, []).append(cell)
    for last, those in followed.items():
        delta.next_day(tenant, those, last, day)
    return {**latest, **dict.fromkeys(cells, day)}


def _by_day(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.day].append(fact)
    return found


def _recount(
    delta: Delta,
    tenant: str,
    before: Mapping[int, Sequence[Fact]],
    after: Mapping[int, Sequence[Fact]],
) -> dict[str, int]:
    old, new = _days_by_cell(before), _days_by_cell(after)
    for cell in old.keys() | new.keys():
        one, other = old.get(cell, []), new.get(cell, [])
        if one != other:
            delta.days(tenant, cell, one, -1)
            delta.days(tenant, cell, other, 1)
    return {cell: days[-1] for cell, days in new.items()}


def _days_by_cell(days: Mapping[int, Sequence[Fact]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for day in sorted(days):
        for cell in {cell for fact in days[day] for cell in fact.cells}:
            found[cell].append(day)
    return found
