"""A person as a group: what its records, taken together, move when some of them change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from voc_scorecard.domain.contributions import Delta, chain_order, presence
from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.latest import Latest, follow, in_order


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
    for facts, sign in ((moves.went, -1), (moves.came, 1)):
        for fact in facts:
            delta.record(tenant, fact, sign)
    before, after = moves.sides(now)
    if moves.scored():
        delta.answers(tenant, before, after)
    old_days, new_days = _by_day(before), _by_day(after)
    for day in moves.days():
        old, new = presence(old_days.get(day, ())), presence(new_days.get(day, ()))
        delta.presence(tenant, day, old, new)
    touched = {cell for fact in (*moves.came, *moves.went) for cell in fact.cells}
    old_cells, new_cells = _days_by_cell(old_days, touched), _days_by_cell(new_days, touched)
    for cell in touched:
        delta.days(tenant, cell, old_cells.get(cell, []), new_cells.get(cell, []))
    return after


def _by_day(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.day].append(fact)
    return found


def _days_by_cell(days: Mapping[int, Sequence[Fact]], touched: set[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for day in sorted(days):
        for cell in touched.intersection(chain.from_iterable([fact.cells for fact in days[day]])):
            found[cell].append(day)
    return found
