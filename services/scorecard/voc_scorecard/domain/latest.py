"""Where a person was last, and what it last answered: enough to count what comes next without its records."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from voc_scorecard.domain.contributions import Delta, chain_order
from voc_scorecard.domain.dimensions import in_sequence, single_in, watched_in
from voc_scorecard.domain.facts import Fact


class Seen(Struct, frozen=True, gc=False, array_like=True):
    """Cells, sorted, in which a person was on `day`, first in `bucket`."""

    day: int
    bucket: int
    cells: tuple[str, ...]


class Known(Struct, frozen=True, gc=False, array_like=True, order=True):
    """A record that the detector watches: the bucket in which it was known, and of its cells the single ones."""

    bucket: int
    single: tuple[str, ...]


class Answer(Struct, frozen=True, gc=False, array_like=True):
    """The last answer of a person to a question."""

    metric: str
    at: int
    record: str
    day: int
    value: int
    cells: tuple[str, ...]


class Latest(Struct, frozen=True, gc=False, array_like=True):
    """The end of a person's records, the same however they came.

    `seen` has each cell once, at the last day in it and that day's first bucket, in order of both; `known`
    are those watched records of the last day of all, in order, that are the first in one of their cells;
    `answers` are by metric.
    """

    seen: tuple[Seen, ...] = ()
    known: tuple[Known, ...] = ()
    answers: tuple[Answer, ...] = ()


NOBODY = Latest()


def in_order(latest: Latest, came: Sequence[Fact]) -> bool:
    """Whether new facts, ordered by time, lie behind all that a person's latest state says."""
    day = latest.seen[-1].day if latest.seen else came[0].day
    for fact in came:
        if fact.day < day:
            return False
        day = fact.day
        if fact.metric:
            for answer in latest.answers:
                if answer.metric == fact.metric and (answer.at, answer.record) > chain_order(fact):
                    return False
    return True


def follow(delta: Delta, tenant: str, fact: Fact, latest: Latest) -> Latest:
    """Count for a person a new record that is `in_order`; returns the person's latest state with it."""
    new_day = not latest.seen or latest.seen[-1].day < fact.day
    seen = _see(delta, tenant, fact, latest.seen)
    known = _know(delta, tenant, fact, () if new_day else latest.known)
    if not fact.metric:
        return Latest(seen, known, latest.answers)
    answers = [_answer(fact)]
    for answer in latest.answers:
        if answer.metric == fact.metric:
            delta.replaced(tenant, _fact(answer), fact, 1)
        else:
            answers.append(answer)
    if len(answers) > 1:
        answers.sort(key=_metric)
    return Latest(seen, known, tuple(answers))


def _see(delta: Delta, tenant: str, fact: Fact, groups: Iterable[Seen]) -> tuple[Seen, ...]:
    """Count the person once a day and cell, in the first bucket, and from which day it comes back."""
    every, gained = fact.cells, set(fact.cells)
    left: list[Seen] = []
    for group in groups:
        shared = gained.intersection(group.cells)
        if not shared:
            left.append(group)
        elif group.day < fact.day:
            delta.next_day(tenant, shared, group.day, fact.day)
            left += _without(group, shared)
        elif group.bucket <= fact.bucket:
            gained -= shared
            left.append(group)
        else:
            delta.people(tenant, group.bucket, fact.day, shared, -1)
            left += _without(group, shared)
    if not gained:
        return tuple(left)
    # The fact's own, which others share, take no room until all is summed.
    new = every if len(gained) == len(every) else tuple(gained)
    delta.people(tenant, fact.bucket, fact.day, new, 1)
    return _with(left, Seen(fact.day, fact.bucket, in_sequence(new)))


def _know(delta: Delta, tenant: str, fact: Fact, records: tuple[Known, ...]) -> tuple[Known, ...]:
    """Count the person once a day and watched cell, in the first bucket in which that was known."""
    if not fact.watched:
        return records
    known = Known(fact.known, single_in(fact.watched))
    if not records:
        delta.watched(tenant, fact.known, fact.watched, 1)
        return (known,)
    left, gained = set(fact.watched), set[str]()
    for record in records:
        if record.bucket <= fact.known:
            left.difference_update(watched_in(record.single))
        elif shared := left.intersection(watched_in(record.single)):
            left -= shared
            delta.watched(tenant, record.bucket, shared, -1)
            gained |= shared
    gained |= left
    if gained:
        delta.watched(tenant, fact.known, tuple(gained), 1)
    if records[-1] < known:
        return (*records, known) if gained else records
    return _first([*records, known])


def _first(records: Iterable[Known]) -> tuple[Known, ...]:
    """Those that are the first in one of their watched cells, in order."""
    there: set[str] = set()
    found: list[Known] = []
    for record in sorted(records):
        watched = watched_in(record.single)
        if not there.issuperset(watched):
            there.update(watched)
            found.append(record)
    return tuple(found)


def _without(group: Seen, cells: Collection[str]) -> list[Seen]:
    rest = tuple([cell for cell in group.cells if cell not in cells])
    return [Seen(group.day, group.bucket, rest)] if rest else []


def _with(groups: list[Seen], new: Seen) -> tuple[Seen, ...]:
    """Groups in order with a new one, which joins that of its moment."""
    for at, group in enumerate(groups):
        if group.bucket == new.bucket and group.day == new.day:
            groups[at] = Seen(new.day, new.bucket, tuple(sorted(group.cells + new.cells)))
            return tuple(groups)
    groups.append(new)
    if len(groups) > 1:
        groups.sort(key=_moment)
    return tuple(groups)


def _moment(group: Seen) -> tuple[int, int]:
    return group.day, group.bucket


def _metric(answer: Answer) -> str:
    return answer.metric


def _answer(fact: Fact) -> Answer:
    return Answer(fact.metric, fact.at, fact.record, fact.day, fact.value, fact.cells)


def _fact(answer: Answer) -> Fact:
    """What replacing an answer needs of it."""
    return Fact(
        answer.record,
        "",
        answer.at,
        0,
        answer.day,
        0,
        answer.cells,
        (),
        answer.metric,
        answer.value,
    )


def joined(latest: Latest, came: Iterable[Fact]) -> Latest:
    """The latest state of a person of whom more is known now: that of all its facts, told in any order."""
    seen = {cell: (group.day, group.bucket) for group in latest.seen for cell in group.cells}
    last = latest.seen[-1].day if latest.seen else None
    known, answers = list(latest.known), {a.metric: a for a in latest.answers}
    for fact in came:
        for cell in fact.cells:
            day, bucket = seen.get(cell, (fact.day, fact.bucket))
            if day <= fact.day:
                first = min(bucket, fact.bucket) if day == fact.day else fact.bucket
                seen[cell] = fact.day, first
        if last is None or last < fact.day:
            last, known = fact.day, []
        if last == fact.day and fact.watched:
            known.append(Known(fact.known, single_in(fact.watched)))
        if fact.metric:
            before = answers.get(fact.metric)
            if before is None or (before.at, before.record) < chain_order(fact):
                answers[fact.metric] = _answer(fact)
    return Latest(_grouped(seen), _first(known), tuple([answers[m] for m in sorted(answers)]))


def _grouped(cells: Mapping[str, tuple[int, int]]) -> tuple[Seen, ...]:
    groups: dict[tuple[int, int], list[str]] = {}
    for cell in sorted(cells):
        groups.setdefault(cells[cell], []).append(cell)
    return tuple([Seen(*moment, tuple(groups[moment])) for moment in sorted(groups)])
