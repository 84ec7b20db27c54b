"""A person as a group: what its records, taken together, move when some of them change."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from voc_scorecard.domain.contributions import Delta, chain_order, presence
from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.latest import Latest, follow, in_order


class Moves(Struct):
    """What a batch changes of one person's records: facts that came and facts that went."""

    came: list[Fact] = []
    went: list[Fact] = []

    def scored(self) -> bool:
        """Whether a scored answer is among them."""
        return any(fact.metric for fact in (*self.came, *self.went))

    def untouched(self, now: Iterable[Fact]) -> list[Fact]:
        """Of its members `now` those that were there before the batch as they are after it.

        The group is locked and every change of its members takes the lock, so what the batch did not
        change itself was there before, and is counted.
        """
        changed = {fact.record for fact in (*self.came, *self.went)}
        return [fact for fact in now if fact.record not in changed]


def count_new(delta: Delta, tenant: str, moves: Moves, latest: Latest | None) -> Latest | None:
    """Count what came to a person behind its latest state; None, and nothing counted, if that is not all."""
    if moves.went or latest is None:
        return None
    came = sorted(moves.came, key=chain_order) if len(moves.came) > 1 else moves.came
    if not in_order(latest, came):
        return None
    for fact in came:
        latest = follow(delta, tenant, fact, latest)
    return latest


def recount(delta: Delta, tenant: str, moves: Moves, now: Sequence[Fact]) -> list[Fact]:
    """Count the touched days, cells and answers of a person anew; `now` are all its members. Returns those after it."""
    there = moves.untouched(now)
    if moves.scored():
        delta.answers(tenant, there + moves.went, there + moves.came)
    beside, old, new = (_by_day(facts) for facts in (there, moves.went, moves.came))
    for day in old.keys() | new.keys():
        others, gone, come = beside.get(day, []), old.get(day, []), new.get(day, [])
        delta.presence(tenant, day, presence(others + gone), presence(others + come))
    touched = {cell for fact in (*moves.came, *moves.went) for cell in fact.cells}
    left, gone, come = (_days(facts, touched) for facts in (there, moves.went, moves.came))
    for cell in touched:
        before, after = left[cell] | gone[cell], left[cell] | come[cell]
        # Most cells of most persons are those of one day, which no other follows.
        if before != after and (len(before) > 1 or len(after) > 1):
            delta.days(tenant, cell, sorted(before), sorted(after))
    return there + moves.came


def _by_day(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.day, []).append(fact)
    return found


def _days(facts: Iterable[Fact], touched: set[str]) -> dict[str, set[int]]:
    """The days of these facts in each of the cells."""
    found: dict[str, set[int]] = {cell: set() for cell in touched}
    for fact in facts:
        for cell in touched.intersection(fact.cells):
            found[cell].add(fact.day)
    return found
