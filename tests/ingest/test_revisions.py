"""The law of revisions, whatever the order of arrivals and however they are batched."""

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st
from voc_common import versions
from voc_ingest.domain.revisions import NOTHING, Arrival, Latest, Outcome, settle, state

contents = st.sampled_from([b"A", b"B", b"C"])
stamps = st.sampled_from([0, 5, 6, 7])


def arrivals(pairs: list[tuple[int, bytes]], step: int = 10) -> list[Arrival]:
    return [Arrival(stamp, 1000 + step * n, content) for n, (stamp, content) in enumerate(pairs)]


def accepted(outcomes: list[Outcome]) -> list[Outcome]:
    return [o for o in outcomes if o.verdict == "accepted"]


@given(st.lists(contents, max_size=12))
def test_without_stamps_every_change_is_a_revision_and_a_repeat_none(told: list[bytes]) -> None:
    _, outcomes = settle(NOTHING, arrivals([(0, c) for c in told]))
    assert len(accepted(outcomes)) == len(list(groupby(told)))


def test_a_b_a_is_three() -> None:
    latest, outcomes = settle(NOTHING, arrivals([(0, b"A"), (0, b"B"), (0, b"A")]))
    assert [o.verdict for o in outcomes] == ["accepted"] * 3
    assert latest.revision == outcomes[2].revision


@given(st.lists(st.tuples(stamps, contents), max_size=12), st.integers(0, 12))
def test_batching_changes_nothing(told: list[tuple[int, bytes]], cut: int) -> None:
    """One settling, or two with the archive of the first in between."""
    all_of_them = arrivals(told)
    at_once = settle(NOTHING, all_of_them)
    latest, first = settle(NOTHING, all_of_them[:cut])
    kept = [state(o.revision) for o in accepted(first)]
    after, second = settle(latest, all_of_them[cut:], kept)
    assert (after, first + second) == at_once


@given(st.permutations(range(1, 7)), st.lists(st.integers(0, 5), max_size=6))
def test_stamped_states_end_in_the_last_whatever_their_order(
    order: list[int], again: list[int]
) -> None:
    pairs = [(stamp, b"state %d" % stamp) for stamp in order]
    pairs += [pairs[i] for i in again]
    latest, outcomes = settle(NOTHING, arrivals(pairs))
    assert int(latest.revision[:16], 16) == 6
    kept = [state(o.revision) for o in accepted(outcomes)]
    assert sorted(kept) == sorted(set(kept))
    assert len(kept) == 6


@given(
    st.lists(st.tuples(stamps, contents, st.integers(0, 2000)), max_size=12),
    st.integers(0, 3000),
)
def test_receipts_strictly_increase_even_when_a_clock_is_behind(
    told: list[tuple[int, bytes, int]], before: int
) -> None:
    start = Latest(versions.revision(0, before, b"Z"), before)
    latest, outcomes = settle(start, [Arrival(s, at, c) for s, c, at in told])
    receipts = [before, *(o.received_at for o in accepted(outcomes))]
    assert all(a < b for a, b in pairwise(receipts))
    assert all(int(o.revision[16:32], 16) == o.received_at for o in accepted(outcomes))
    assert latest.received_at == receipts[-1]
    assert latest.revision == max([start.revision, *(o.revision for o in accepted(outcomes))])


@given(st.lists(st.tuples(stamps, contents), min_size=1, max_size=5))
def test_an_erased_record_accepts_nothing(told: list[tuple[int, bytes]]) -> None:
    gone = Latest("", 0, erased=True)
    latest, outcomes = settle(gone, arrivals(told))
    assert latest == gone
    assert {o.verdict for o in outcomes} == {"erased"}


@given(st.lists(st.tuples(stamps, contents), max_size=12), st.integers(0, 12))
def test_every_revision_knows_when_its_record_first_came(
    told: list[tuple[int, bytes]], cut: int
) -> None:
    all_of_them = arrivals(told)
    latest, first = settle(NOTHING, all_of_them[:cut])
    _, second = settle(latest, all_of_them[cut:], [state(o.revision) for o in accepted(first)])
    revisions = accepted(first + second)
    assert [o.first_at for o in revisions] == [0, *[1000] * len(told)][: len(revisions)]
