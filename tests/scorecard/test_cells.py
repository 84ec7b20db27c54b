"""Cells of what was counted, and the local days over them."""

from datetime import UTC, datetime

import numpy as np
import pytest
from voc_scorecard.domain.cells import BUCKET, People, Scope, calendar, cells_from

START = round(datetime(2026, 9, 14, tzinfo=UTC).timestamp() * 1e6)


def test_calendar_is_right_through_daylight_saving() -> None:
    start = round(datetime(2026, 10, 24, 23, tzinfo=UTC).timestamp() * 1e6)
    cells = cells_from([(Scope(), start, 1)], start=start, buckets=26 * 6, zone="Europe/London")
    when = calendar(cells)
    assert when.days == 2  # 25 October has 25 hours there
    assert when.slot_of_hour[0] == 6 * 24
    assert float(when.share_of_hour[when.day_of_hour == 0].sum()) == 25
    assert float(when.share_of_hour.max()) == 2


def test_rows_outside_are_left_out_and_cells_know_their_group() -> None:
    rows = [
        (Scope(), START, 2), (Scope(segment="small"), START, 2), (Scope("x", segment="small"), START, 1),
        (Scope("x", product="web"), START + BUCKET, 1), (Scope("x"), START - BUCKET, 9),
    ]  # fmt: skip
    cells = cells_from(rows, start=START, buckets=3, zone="UTC")
    at = {s: i for i, s in enumerate(cells.scopes)}
    assert cells.people.sum() == 6
    assert cells.group[at[Scope("x", segment="small")]] == at[Scope(segment="small")]
    assert cells.group[at[Scope("x", product="web")]] == at[Scope()]
    assert cells.group[at[Scope()]] == at[Scope()]
    assert not cells.watched[at[Scope(segment="small")]]
    with pytest.raises(ValueError, match="ten minutes"):
        cells_from(rows, start=START + 1, buckets=3, zone="UTC")


def test_people_counted_bit_by_bit_are_those_counted_at_once() -> None:
    first = START // BUCKET
    rng = np.random.default_rng(3)
    told = [
        (Scope(f"c{i % 3}"), first + int(b), int(n))
        for i, (b, n) in enumerate(rng.integers(0, 50, (90, 2)))
    ]
    whole = cells_from(
        [(s, b * BUCKET, n) for s, b, n in told], start=START, buckets=50, zone="UTC"
    )
    parts = People(first, 50)
    for begin in range(0, 50, 10):
        for scope in dict.fromkeys(s for s, _, _ in told):
            some = [(b, n) for s, b, n in told if s == scope and begin <= b - first < begin + 10]
            parts.add(scope, [b for b, _ in some], [n for _, n in some])
    cells = parts.cells("UTC")
    assert cells.scopes == whole.scopes
    assert cells.people.tolist() == whole.people.tolist()


def test_ten_minutes_may_hold_any_number_of_people() -> None:
    counted = People(START // BUCKET, 2)
    counted.add(Scope(), [START // BUCKET], [7])
    counted.add(Scope("x"), [START // BUCKET], [1])
    counted.add(Scope(), [START // BUCKET, START // BUCKET + 1], [100_000, 40_000])
    assert counted.cells("UTC").people.tolist() == [[100_007, 40_000], [1, 0]]
