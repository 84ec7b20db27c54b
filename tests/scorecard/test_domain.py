"""Laws of the pure functions: chains, ranges, cells, scores."""

import random
from datetime import UTC, date, datetime
from math import sqrt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voc_common.events import Score
from voc_scorecard.domain import dimensions, ranges
from voc_scorecard.domain.cells import Scope
from voc_scorecard.domain.chains import WINDOWS, counted, links, within
from voc_scorecard.domain.facts import fact, is_nps, nps_metric, nps_value
from voc_scorecard.domain.issues import cells_of
from voc_scorecard.domain.nps import nps

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Santiago",
        "Asia/Beirut",
        "Pacific/Apia",
        "Atlantic/Azores",
    )
]
FIVES = st.integers(4_733_856, 6_311_520)  # 2015 to 2029
SIZES = {ranges.FIVE: 1, ranges.HOUR: 12}


@given(
    days=st.lists(st.integers(0, 1200), max_size=12).map(sorted),
    last=st.integers(0, 1600),
    window=st.sampled_from(WINDOWS),
)
@settings(max_examples=400)
def test_a_chain_counts_who_is_in_the_window_once(days: list[int], last: int, window: int) -> None:
    replaced = [link for link in links(days) if link]
    there = any(last - window < day <= last for day in days)
    assert counted(days, replaced, last, window) == there


def test_within_is_the_smallest_window_that_holds_both() -> None:
    for gap in range(400):
        assert within(gap) == next((w for w in WINDOWS if gap < w), 0)


@given(low=FIVES, length=st.integers(0, 40_000), zone=st.sampled_from(ZONES))
@settings(max_examples=300, deadline=None)
def test_spans_cover_a_range_exactly(low: int, length: int, zone: ZoneInfo) -> None:
    high = low + length
    covered: list[int] = []
    spans = ranges.local_spans(low, high, zone)
    for span in spans:
        for bucket in range(span.low, span.high):
            if span.grain in SIZES:
                size = SIZES[span.grain]
                covered += range(bucket * size, bucket * size + size)
                continue
            days = [bucket] if span.grain == ranges.DAY else range(bucket * 8, bucket * 8 + 8)
            for day in days:
                begin, end = ranges.day_start(day, zone), ranges.day_start(day + 1, zone)
                covered += range(ranges.five(begin), ranges.five(end))
    assert sorted(covered) == list(range(low, high))
    assert len(spans) <= 11


@given(low=st.integers(0, 40_000), length=st.integers(0, 5000))
def test_days_in_blocks_are_few_and_exact(low: int, length: int) -> None:
    def days(spans: list[ranges.Span]) -> list[int]:
        sizes = {ranges.DAY: 1, ranges.BLOCK: 8, ranges.ERA: 64}
        return sorted(
            day
            for s in spans
            for bucket in range(s.low, s.high)
            for day in range(bucket * sizes[s.grain], (bucket + 1) * sizes[s.grain])
        )

    assert days(ranges.day_spans(low, low + length)) == list(range(low, low + length))
    assert days(ranges.sum_spans(low)) == list(range(low))
    assert sum(s.high - s.low for s in ranges.sum_spans(low)) <= 7 + 7 + low // 64


@given(low=FIVES, zone=st.sampled_from(ZONES))
@settings(deadline=None)
def test_a_moment_lies_in_its_local_day(low: int, zone: ZoneInfo) -> None:
    moment = low * ranges.FIVE_MINUTES
    day = ranges.local_day(moment, zone)
    assert ranges.day_start(day, zone) <= moment < ranges.day_start(day + 1, zone)


def test_a_midnight_that_does_not_exist() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24 began at 01:00
    start = ranges.day_start((date(2026, 4, 24) - date(1970, 1, 1)).days, cairo)
    assert datetime.fromtimestamp(start / 1e6, UTC) == datetime(2026, 4, 23, 22, tzinfo=UTC)


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=9
)


@given(cause=TEXT, segment=TEXT, product=TEXT, who=st.sampled_from(dimensions.STAKEHOLDERS))
def test_a_cell_says_what_it_counts(cause: str, segment: str, product: str, who: str) -> None:
    cells = dimensions.feedback_cells(who, "", product, segment, "", "", (cause,))
    narrowest = max(cells.watched, key=lambda c: c.count("|"))
    said = [("cause", cause), ("segment", segment), ("product", product)]
    assert dimensions.parts(narrowest) == (who, said)
    expected = Scope(cause=cause, segment=segment, product=product) if who == "customer" else None
    assert dimensions.scope(narrowest) == expected
    assert expected is None or cells_of(expected) == narrowest
    assert len(cells.watched) == len(set(cells.watched)) == 7
    assert set(cells.counted) <= set(cells.watched)


@pytest.mark.parametrize(
    "name", ["", "some", "cause", "cause:", "all|cause:x", "size:big", "guest/all"]
)
def test_what_is_no_cell(name: str) -> None:
    with pytest.raises(ValueError, match="no such cell"):
        dimensions.parts(name)


def test_what_is_counted_but_not_watched_nor_scored() -> None:
    day = ranges.DAY_US
    ask = Score(9, 0, 10, "NPS", question="q")

    def made(known: int, *, suspect: bool = False, decided: bool = True) -> tuple[bool, bool, bool]:
        one = fact(
            "r", "p", 0, known, 0, "k", "customer", "c", "", "", "", suspect, ask, decided, "", ()
        )
        return ("all" in one.cells, bool(one.watched), bool(one.metric))

    assert made(0) == (True, True, True)
    assert made(day) == (True, True, True)
    assert made(day + 1) == (True, False, True)
    assert made(0, suspect=True) == (True, False, False)
    assert made(0, decided=False) == (False, False, False)


def test_only_the_ten_point_question_is_nps() -> None:
    assert [nps_value(Score(v, 0, 10, "NPS")) for v in (0, 6, 7, 8, 9, 10)] == [-1, -1, 0, 0, 1, 1]
    assert nps_value(Score(0, 0, 10, "NPS", direction="down")) == 1
    assert not is_nps(Score(9, 1, 10, "NPS"))
    assert not is_nps(Score(5, 0, 10, "CSAT"))
    one, other = Score(9, 0, 10, "NPS", question="a:b"), Score(9, 0, 10, "NPS", "up", "a", "b:")
    assert nps_metric(one, "customer") != nps_metric(other, "customer")
    assert nps_metric(one, "employee") == "employee/" + nps_metric(one, "customer")


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_score_lies_in_its_interval(up: int, down: int, between: int) -> None:
    n = up + down + between
    found = nps(n, up, down)
    if n < 30:
        assert found.value is None
        assert found.hidden == "fewer than 30 answers"
        return
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert -100 <= found.low < found.high <= 100
    assert found.low <= found.value <= found.high or n < 60


def test_the_interval_covers_as_promised() -> None:
    """The published property of the adjusted Wald interval: about 95 % also for small n and skewed shares."""
    r = random.Random(3)
    for up, down in ((0.5, 0.2), (0.1, 0.1), (0.8, 0.05)):
        hits = 0
        for _ in range(2000):
            draws = r.choices((1, -1, 0), (up, down, 1 - up - down), k=50)
            found = nps(50, draws.count(1), draws.count(-1))
            assert found.low is not None
            assert found.high is not None
            hits += found.low <= 100 * (up - down) <= found.high
        assert hits / 2000 > 0.95 - 3 * sqrt(0.05 * 0.95 / 2000)
