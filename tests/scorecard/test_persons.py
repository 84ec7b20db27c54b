"""A person's records told bit by bit, in any order: what is counted and known is that of all of them at once."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from voc_common.events import Score
from voc_scorecard.domain.contributions import Delta, apart
from voc_scorecard.domain.dimensions import single_in
from voc_scorecard.domain.facts import Fact, fact
from voc_scorecard.domain.latest import NOBODY, Answer, Known, Latest, Seen, joined
from voc_scorecard.domain.persons import Moves, count_new, recount

DAY = 86_400_000_000
ASKED = [None, *(Score(value, 0, 10, "NPS", question="q") for value in (3, 8, 10))]


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    """Records of one person, most of them within a week."""
    days = draw(st.lists(st.one_of(st.integers(0, 6), st.integers(0, 400)), max_size=9))
    return [_fact(draw, i, day) for i, day in enumerate(days)]


def _fact(draw: st.DrawFn, number: int, day: int) -> Fact:
    at = day * DAY + draw(st.integers(0, 3)) * DAY // 8
    cause = draw(st.sampled_from(("late", "broken")))
    late = draw(st.sampled_from((0, DAY // 100, 2 * DAY)))
    segment, score = draw(st.sampled_from(("", "large"))), draw(st.sampled_from(ASKED))
    return fact(
        f"r{number}", "p", at, at + late, day, "ticket", "customer", "mail", "web", segment, "",
        False, score, True, "use", (cause,),
    )  # fmt: skip


@given(facts(), st.data())
def test_what_is_known_of_a_person_is_that_of_all_its_records(
    told: list[Fact], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(told)))
    assert joined(joined(NOBODY, order[:cut]), order[cut:]) == _latest(told)


@given(facts(), st.data())
def test_what_is_counted_of_a_person_is_that_of_all_its_records(
    told: list[Fact], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(told))
    delta, there = Delta(), list[Fact]()
    for one in order:
        delta.record("t", None, one)
    while order:
        came, order = order[:2], order[2:]
        there = recount(delta, "t", Moves(came=came), [*there, *came])
    assert _counts(delta) == _counted(told)
    gone = data.draw(st.lists(st.sampled_from(told), unique=True)) if told else []
    for one in gone:
        delta.record("t", one, None)
    left = recount(delta, "t", Moves(went=gone), [f for f in there if f not in gone])
    assert _counts(delta) == _counted(left)


@given(facts(), facts(), st.data())
def test_what_goes_to_another_person_moves_what_all_of_both_count_now(
    ones: list[Fact], others: list[Fact], data: st.DataObject
) -> None:
    theirs = [replace(f, person="q", record=f"q{f.record}") for f in others]
    going = data.draw(st.lists(st.sampled_from(ones), unique=True)) if ones else []
    delta, coming = Delta(), [replace(f, person="q") for f in going]
    for before, after in zip(going, coming, strict=True):
        delta.record("t", before, after)
    left = recount(delta, "t", Moves(went=going), [f for f in ones if f not in going])
    there = recount(delta, "t", Moves(came=coming), [*theirs, *coming])
    now, before = _together(left, there), _together(ones, theirs)
    assert _counts(delta) == {
        key: count for key in now | before if (count := now[key] - before[key])
    }


@given(facts())
def test_a_record_that_only_changes_hands_counts_as_before(told: list[Fact]) -> None:
    delta = Delta()
    for one in told:
        delta.record("t", one, replace(one, person="q"))
    assert _counts(delta) == {}


def test_a_record_that_becomes_nobodys_counts_singly() -> None:
    score = Score(10, 0, 10, "NPS", question="q")
    told = fact(
        "r", "p", DAY, DAY, 1, "ticket", "customer", "mail", "web", "", "", False, score, True, "use", ("late",)
    )  # fmt: skip
    delta = Delta()
    delta.record("t", told, replace(told, person=""))
    moved = {(table, column) for table, _, column, _ in _counts(delta)}
    assert moved == {("volume", "singles"), ("score", "singles"), ("pulse", "people")}


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_what_two_sequences_share_on_either_side_is_left_out(
    old: list[int], new: list[int]
) -> None:
    assert _links(*apart(old, new)) == _links(old, new)


def test_of_equal_sequences_nothing_is_left() -> None:
    assert apart([1, 2, 3], [1, 2, 3]) == ((), ())
    assert apart([1, 2, 3, 4, 5], [1, 2, 9, 3, 4, 5]) == ([2, 3], [2, 9, 3])


def test_nobody_is_known_by_nothing() -> None:
    assert joined(NOBODY, ()) == Latest()


def _links(old: Sequence[int], new: Sequence[int]) -> dict[Any, int]:
    """How often each element, and each that another follows, is more or less often in the new sequence."""
    found = Counter[Any]()
    for sign, given_ in ((-1, old), (1, new)):
        for each in (*given_, *pairwise(given_)):
            found[each] += sign
    return {each: count for each, count in found.items() if count}


def _latest(told: Sequence[Fact]) -> Latest:
    """What is known of a person, as its words say it."""
    cells = {cell for f in told for cell in f.cells}
    moments = {c: max((f.day, -f.bucket) for f in told if c in f.cells) for c in cells}
    seen = tuple(
        Seen(day, -before, tuple(sorted(c for c in cells if moments[c] == (day, before))))
        for day, before in sorted(set(moments.values()), key=lambda m: (m[0], -m[1]))
    )
    last = max((f.day for f in told), default=0)
    known, there = list[Known](), set[str]()
    for one in sorted(
        (f for f in told if f.day == last and f.watched),
        key=lambda f: (f.known, single_in(f.watched)),
    ):
        if not there.issuperset(one.watched):
            there |= set(one.watched)
            known.append(Known(one.known, single_in(one.watched)))
    answers = {f.metric: f for f in sorted(told, key=lambda f: (f.at, f.record)) if f.metric}
    return Latest(seen, tuple(known), tuple(
        Answer(m, f.at, f.record, f.day, f.value, f.cells) for m, f in sorted(answers.items())
    ))  # fmt: skip


def _counted(facts: Sequence[Fact]) -> dict[Any, int]:
    """What a person's records count when they come all at once."""
    delta = Delta()
    for one in facts:
        delta.record("t", None, one)
    if facts:
        count_new(delta, "t", Moves(came=list(facts)), NOBODY)
    return _counts(delta)


def _together(*persons: Sequence[Fact]) -> Counter[Any]:
    """What several persons count."""
    found = Counter[Any]()
    for told in persons:
        found.update(_counted(told))
    return found


def _counts(delta: Delta) -> dict[Any, int]:
    """What moves, without what does not."""
    return {
        (table, key, column, cell): count
        for table, moved in delta.moved().items()
        for key, columns in moved.items()
        for column, counts in columns.items()
        for cell, count in counts.items()
        if count
    }
