"""Versions order, folding joins, and the wire keeps every event as it is."""

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_common import versions, wire
from voc_common.events import (
    Attribution,
    Cause,
    Decision,
    FeedbackClassified,
    RecordsMoved,
    Revision,
    Tick,
)
from voc_common.fold import fold, join

stamps = st.integers(0, 2**60)


@given(stamps, stamps, stamps, stamps)
def test_revisions_order_by_stamp_then_receipt(a: int, b: int, c: int, d: int) -> None:
    one, two = versions.revision(a, b, b"x"), versions.revision(c, d, b"x")
    assert len(one) == 48
    assert (one < two) == ((a, b) < (c, d))


def test_a_missing_stamp_is_lowest() -> None:
    assert versions.revision(None, 2**50, b"x") < versions.revision(1, 1, b"x")


@given(
    st.lists(
        st.tuples(st.integers(1, 3), stamps, st.integers(0, 5), st.integers(0, 5)),
        min_size=2,
        max_size=2,
    )
)
def test_decisions_order_by_generation_revision_human_model(
    pair: list[tuple[int, int, int, int]],
) -> None:
    made = [versions.decision(g, versions.revision(None, r, b"x"), h, m) for g, r, h, m in pair]
    assert (made[0] < made[1]) == (pair[0] < pair[1])


def test_record_ids_order_by_creation_and_tell_sources_apart() -> None:
    early = versions.record_id(b"k" * 32, 1_000_000_000_000, "zendesk", "ticket", "1")
    late = versions.record_id(b"k" * 32, 2_000_000_000_000, "zendesk", "ticket", "1")
    assert early < late
    assert versions.hash_part(early) == versions.hash_part(late)
    assert len({versions.record_id(b"k" * 32, None, s, k, "1") for s in "ab" for k in "ab"}) == 4
    assert versions.record_id(b"q" * 32, None, "a", "b", "1") != versions.record_id(
        b"k" * 32, None, "a", "b", "1"
    )


def classified(revision: int, attribution: int, decision: int) -> FeedbackClassified:
    return FeedbackClassified(
        tenant="t",
        record_id="0" * 32,
        revision=Revision(
            versions.revision(revision, 1, b"x"), 1, 1, 1, 0, f"r{revision}", "ticket"
        ),
        attribution=Attribution(versions.attribution(1, attribution), f"p{attribution}"),
        decision=Decision(
            versions.decision(1, versions.revision(revision, 1, b"x"), 0, decision),
            (Cause(f"c{decision}", 0.9),),
        ),
    )


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=6), st.randoms())
def test_folding_takes_the_greatest_of_every_part_in_any_order(
    parts: list[tuple[int, int, int]], rng: random.Random
) -> None:
    events = [classified(*p) for p in parts]
    [straight] = fold(events)
    rng.shuffle(events)
    [shuffled] = fold(events)
    assert shuffled == straight
    assert straight.attribution == max((e.attribution for e in events), key=lambda a: a.version)
    assert straight.decision == max((e.decision for e in events), key=lambda d: d.version)
    assert straight.revision == max((e.revision for e in events), key=lambda r: r.version)


def test_joining_is_associative() -> None:
    events = [classified(2, 0, 1), classified(1, 2, 0), classified(0, 1, 2)]
    results = {join(join(a, b), c) for a, b, c in itertools.permutations(events)}
    results |= {join(a, join(b, c)) for a, b, c in itertools.permutations(events)}
    assert len(results) == 1


def test_the_wire_keeps_events_and_ids() -> None:
    event = classified(1, 2, 3)
    message = wire.encode(event, "bulk")
    assert message.topic == "voc.feedback.classified.bulk"
    assert wire.decode(message.headers, message.value) == event
    headers = dict(message.headers)
    assert headers["ce_id"] == dict(wire.encode(classified(1, 2, 3)).headers)["ce_id"]
    assert headers["ce_id"] != dict(wire.encode(classified(1, 2, 4)).headers)["ce_id"]
    assert headers["ce_specversion"] == b"1.0"
    tick = wire.encode_tick(Tick(through=5), "voc.feedback", 3)
    assert (tick.partition, wire.decode(tick.headers, tick.value)) == (3, Tick(through=5))


@pytest.mark.parametrize(
    "value", [b"", b"{", b"null", b"[]", b'{"tenant": 1}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_event_is_undecodable(value: bytes) -> None:
    headers = wire.encode(classified(1, 1, 1)).headers
    with pytest.raises(wire.Undecodable):
        wire.decode(headers, value)
    with pytest.raises(wire.Undecodable):
        wire.decode([], value)


def test_unknown_fields_are_ignored_so_that_the_language_can_grow() -> None:
    event = RecordsMoved(tenant="t", records=(), decided_at=1, reason="merge")
    message = wire.encode(event)
    grown = msgspec.json.encode(msgspec.json.decode(message.value) | {"new_field": 1})
    assert wire.decode(message.headers, grown) == event
