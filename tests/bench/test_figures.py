"""The table of the benchmarks' figures: complete, judged rightly, and each one's part is there."""

from typing import Any

import pytest
from figures import FIGURES, Figure, judged, value
from run import NEEDS, PARTS, sizes_of
from sizes import FULL, QUICK

BARS = {
    "end to end": (10_000, 5_000),
    "end to end, services + Postgres + broker": (200, 320),
    "against the raw limit": (2.2, 3.2),
    "against the naive peer": (100, 50),
    "door, batches of 500, with Postgres": (60, 80),
    "door, single posts, 64 connections": (300, 450),
    "accepted to visible, 25 % load, p50": (50, 100),
    "accepted to visible, 25 % load, p99": (200, 400),
    "accepted to visible, 70 % load, p50": (200, 400),
    "accepted to visible, 70 % load, p99": (500, 1_000),
    "identity, mixed, one core": (8_000, 5_000),
    "scorecard read, most events": (3, 6),
    "memory of a service, the largest": (200, 300),
    "door beside a bulk import, p99": (2, 2),
    "accepted to visible beside a bulk import, p99": (2, 2),
}


def named(name: str) -> Figure:
    (found,) = [f for f in FIGURES if f.name == name]
    return found


@pytest.mark.parametrize(("name", "bars"), BARS.items())
def test_a_bar_is_what_was_asked_for(name: str, bars: tuple[float, float]) -> None:
    assert (named(name).goal, named(name).floor) == bars


def test_every_part_has_figures_and_every_figure_a_part() -> None:
    assert {f.part for f in FIGURES} == set(PARTS)
    assert len({f.name for f in FIGURES}) == len(FIGURES)
    assert set(NEEDS) | set(NEEDS.values()) <= set(PARTS)


@pytest.mark.parametrize(
    ("name", "measured", "verdict"),
    [
        ("end to end", 10_000, "goal"),
        ("end to end", 9_999, "floor"),
        ("end to end", 4_999, "missed"),
        ("scorecard read, most events", 3, "goal"),
        ("scorecard read, most events", 6.1, "missed"),
        ("voc load", 1, "measured"),
        ("voc load", None, "not measured"),
    ],
)
def test_verdicts(name: str, measured: float | None, verdict: str) -> None:
    assert named(name).verdict(measured) == verdict


def test_a_part_that_did_not_give_a_figure_says_so() -> None:
    parts: dict[str, Any] = {"door": {"batch": {"us": 61.5}}}
    found = {f.name: f for f in judged(parts)}
    assert found["door, batches of 500, with Postgres"].verdict == "floor"
    assert found["door, single posts, 64 connections"].verdict == "not measured"
    assert "end to end" not in found
    assert value(named("door, batches of 500, with Postgres"), parts) == 61.5


def test_sizes_can_be_changed_one_by_one() -> None:
    assert sizes_of(True, []) == QUICK
    assert sizes_of(False, ["read_events=[1, 2, 3]"]).read_events == (1, 2, 3)
    assert sizes_of(False, ["events=7"]).people == FULL.people
