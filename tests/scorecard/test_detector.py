"""The hot-issue detector: no hindsight, no alarm without reason, one issue for one outbreak."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voc_scorecard.domain.cells import BUCKET, Cells, Place, Scope, cells_from
from voc_scorecard.domain.detector import Alarm, Policy, evaluate
from voc_scorecard.domain.episodes import DAY, HOUR, Episode, episodes
from voc_scorecard.domain.forecast import forecast

START = round(datetime(2026, 9, 14, tzinfo=UTC).timestamp() * 1e6)
DAYS = 42
PER_DAY = 144
CAUSES = tuple(f"cause-{i}" for i in range(12))
PLACES = {
    c: Place("theme-a" if i < 6 else "theme-b", f"stage-{i // 3}") for i, c in enumerate(CAUSES)
}
SEGMENTS, PRODUCTS = ("small", "large"), ("web", "app")
_HOURS = np.array([1] * 7 + [3, 6, 9, 10, 10, 8, 9, 10, 9, 7, 5, 4, 3, 3, 2, 2, 1], float)
_WEEK = np.array([1.1, 1.1, 1, 1, 0.9, 0.4, 0.4])

QUIET = (0, 2, 4)
"""Seeds of `background` that raise no alarm by themselves."""

Told = tuple[int, str, str, str]


def usual(bucket: int) -> float:
    """Relative rate of a bucket: hours of the day times days of the week; START is a Monday."""
    return float(_HOURS[bucket // 6 % 24] * _WEEK[bucket // PER_DAY % 7])


@cache
def background(seed: int, per_day: float = 80.0, days: int = DAYS) -> tuple[Told, ...]:
    """People of an ordinary company: (bucket, cause, segment, product)."""
    rng = np.random.default_rng(seed)
    weights = np.array([usual(b) for b in range(days * PER_DAY)])
    counts = rng.poisson(weights / weights[: 7 * PER_DAY].sum() * 7 * per_day)
    popular = 1 / (np.arange(len(CAUSES)) + 3)
    told: list[Told] = []
    for bucket in np.flatnonzero(counts):
        for _ in range(counts[bucket]):
            told.append(
                (
                    int(bucket),
                    CAUSES[rng.choice(len(CAUSES), p=popular / popular.sum())],
                    SEGMENTS[int(rng.random() < 0.4)],
                    PRODUCTS[int(rng.random() < 0.3)],
                )
            )
    return tuple(told)


def outbreak(
    cause: str,
    first_day: float,
    hours: float,
    people: int,
    seed: int = 0,
    where: tuple[str, str] | None = None,
) -> list[Told]:
    """People hit by one fault, spread over its hours by the rhythm of the day."""
    rng = np.random.default_rng(seed)
    begin = int(first_day * PER_DAY)
    buckets = np.arange(begin, begin + int(hours * 6))
    weights = np.sqrt([usual(b) for b in buckets])
    at = rng.choice(buckets, size=people, p=weights / weights.sum())
    return [
        (int(b), cause, *(where or (SEGMENTS[rng.integers(2)], PRODUCTS[rng.integers(2)])))
        for b in at
    ]


def cells_of(told: tuple[Told, ...] | list[Told], days: int = DAYS, zone: str = "UTC") -> Cells:
    rows: list[tuple[Scope, int, int]] = []
    for bucket, cause, segment, product in told:
        scopes = (
            Scope(), Scope(cause), Scope(stage=PLACES[cause].stage), Scope(segment=segment),
            Scope(product=product), Scope(cause, segment=segment), Scope(cause, product=product),
        )  # fmt: skip
        rows += [(s, START + bucket * BUCKET, 1) for s in scopes]
    return cells_from(rows, start=START, buckets=days * PER_DAY, zone=zone, places=PLACES)


def found(cells: Cells, policy: Policy | None = None) -> tuple[Episode, ...]:
    alarms = evaluate(cells, 0, cells.buckets, policy)
    return episodes(alarms, cells.starts_at(cells.buckets), PLACES)


def day_of(moment: int) -> float:
    return (moment - START) / DAY


@cache
def troubled() -> Cells:
    told = [*background(1), *outbreak("cause-4", 20.4, 16, 30, where=("small", "app")),
            *outbreak("cause-9", 30.1, 72, 45)]  # fmt: skip
    return cells_of(told)


# -- nothing but the past ---------------------------------------------------------------------


@settings(max_examples=6, deadline=None)
@given(cut=st.integers(15 * PER_DAY, DAYS * PER_DAY))
def test_alarms_do_not_depend_on_what_comes_later(cut: int) -> None:
    whole = troubled()
    known = replace(whole, people=whole.people[:, :cut])
    until = whole.starts_at(cut)
    early = [a for a in evaluate(whole, 0, whole.buckets) if a.detected_at <= until]
    assert evaluate(known, 0, cut) == early


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, DAYS * PER_DAY), max_size=3))
def test_any_division_into_calls_gives_the_same_alarms_and_episodes(cuts: list[int]) -> None:
    cells = troubled()
    edges = [0, *sorted(cuts), cells.buckets]
    whole = evaluate(cells, 0, cells.buckets)
    expected = forecast(cells)
    pieces = [evaluate(cells, a, b, expected=expected) for a, b in pairwise(edges)]
    assert [a for piece in pieces for a in piece] == whole
    so_far: tuple[Episode, ...] = ()
    for edge, piece in zip(edges[1:], pieces, strict=True):
        so_far = episodes(piece, cells.starts_at(edge), PLACES, before=so_far)
    assert so_far == episodes(whole, cells.starts_at(cells.buckets), PLACES)


def test_what_an_episode_said_stays_said() -> None:
    cells = troubled()
    alarms = evaluate(cells, 0, cells.buckets)
    final = episodes(alarms, cells.starts_at(cells.buckets), PLACES)
    for day in range(15, DAYS, 3):
        until = cells.starts_at(day * PER_DAY)
        then = episodes([a for a in alarms if a.detected_at <= until], until, PLACES)
        for before, after in zip(then, final, strict=False):
            assert before.opened_at == after.opened_at
            assert before.changes == after.changes[: len(before.changes)]


# -- reasons to be silent ---------------------------------------------------------------------


def test_ordinary_companies_are_left_alone_but_for_the_allowed_chance() -> None:
    # 24 companies, 28 days each after the warm-up: 5.6 are allowed, 48 would be one in 14 days
    assert sum(len(found(cells_of(background(seed)))) for seed in range(24)) <= 12


@pytest.mark.parametrize("factor", [2, 4])
def test_more_of_everything_is_a_campaign(factor: int) -> None:
    for seed in QUIET:
        told = list(background(seed))
        for more in range(1, factor):
            told += [t for t in background(50 + more) if 25 * PER_DAY <= t[0] < 29 * PER_DAY]
        assert not found(cells_of(told))


def test_a_day_of_nothing_and_its_backlog_at_once_are_no_outbreak() -> None:
    away = range(25 * PER_DAY, 26 * PER_DAY)
    for seed in QUIET:
        told = [(away.stop, *t[1:]) if t[0] in away else t for t in background(seed)]
        assert not found(cells_of(told))


def test_a_live_part_poured_into_one_bucket_is_no_outbreak() -> None:
    last = DAYS * PER_DAY - 1
    for seed in range(60, 66):
        poured = [(last, *t[1:]) for t in background(seed)[:200]]
        assert not found(cells_of([*background(QUIET[0]), *poured]))


def test_nothing_before_two_weeks_of_data() -> None:
    told = [*background(6), *outbreak("cause-3", 10.3, 12, 80)]
    assert all(day_of(e.opened_at) > 14 for e in found(cells_of(told)))
    shifted = [t for t in told if t[0] >= 9 * PER_DAY]
    late = found(cells_of([*shifted, *outbreak("cause-5", 20.0, 12, 80)]))
    assert all(day_of(e.opened_at) > 23 for e in late)


def test_too_few_people_are_never_an_outbreak() -> None:
    silent = [t for t in background(7) if t[1] != "cause-11"]
    two = [(25 * PER_DAY + 3, "cause-11", "large", "app")] * 2
    nine = [(25 * PER_DAY + 3, "cause-11", "large", "app")] * 9
    assert not found(cells_of([*silent, *two]))
    assert found(cells_of([*silent, *nine]))


def test_unwatched_causes_raise_nothing() -> None:
    cells = troubled()
    deaf = replace(
        cells, watched=cells.watched & np.array([s.cause != "cause-4" for s in cells.scopes])
    )
    assert "cause-4" in {e.cause for e in found(cells)}
    assert "cause-4" not in {e.cause for e in found(deaf)}


# -- reasons to speak -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_burst_is_found_within_hours_and_its_onset_with_it(seed: int) -> None:
    told = [*background(10 + seed), *outbreak("cause-6", 24.4, 10, 30, seed)]
    (episode,) = [e for e in found(cells_of(told)) if 24.4 <= day_of(e.opened_at) < 27]
    assert episode.cause == "cause-6"
    assert day_of(episode.opened_at) < 24.4 + 8 / 24
    onset, earliest, latest = episode.onset
    assert earliest <= onset <= latest
    assert abs(day_of(onset) - 24.4) < 3 / 24
    first = episode.changes[0].alarm
    assert first.people > first.expected_high >= first.expected >= first.expected_low
    assert first.detected_at == episode.opened_at
    assert first.p_real > 0.5


def test_one_issue_for_all_cells_of_an_outbreak_named_by_the_narrowest() -> None:
    (first, second) = found(troubled())
    assert first.scope == Scope("cause-4", PLACES["cause-4"].stage, "small", "app")
    assert second.scope == Scope("cause-9", PLACES["cause-9"].stage)
    assert len(first.strongest) > 2


def test_states_follow_an_outbreak_from_its_beginning_to_its_end() -> None:
    first, second = found(troubled())
    for episode, end in ((first, 20.4 + 16 / 24), (second, 33.1)):
        states = [c.state for c in episode.changes]
        assert states[0] == "new"
        assert "escalating" in states
        assert states[-1] == episode.state == "resolved"
        assert [c.at for c in episode.changes] == sorted(c.at for c in episode.changes)
        assert end - 0.5 < day_of(episode.seen_at) < end + 1.5


def test_the_same_cause_again_has_regressed() -> None:
    told = [
        *background(20),
        *outbreak("cause-7", 18.4, 10, 30, 1),
        *outbreak("cause-7", 27.4, 10, 30, 2),
    ]
    first, second = found(cells_of(told))
    assert first.state == second.state == "resolved"
    assert second.changes[0].state == "regressed"


def test_mislabelled_feedback_of_an_outbreak_is_no_second_issue() -> None:
    main = outbreak("cause-6", 24.4, 12, 60, 3)
    echo = [(b, "cause-11", s, p) for b, _, s, p in main[:13]]
    told = [*background(21), *main, *echo]
    alarms = evaluate(cells_of(told), 0, DAYS * PER_DAY)
    assert "cause-11" in {a.scope.cause for a in alarms if a.raised}
    assert {e.cause for e in found(cells_of(told))} == {"cause-6"}


def test_two_outbreaks_of_one_theme_stay_two() -> None:
    told = [
        *background(22),
        *outbreak("cause-1", 24.4, 60, 80, 3),
        *outbreak("cause-2", 25.4, 12, 30, 4),
    ]
    assert {e.cause for e in found(cells_of(told))} == {"cause-1", "cause-2"}


def test_an_outbreak_does_not_become_the_new_normal() -> None:
    told = [*background(23), *outbreak("cause-5", 20.0, 72, 150, 5)]
    cells = cells_of(told)
    row = cells.scopes.index(Scope("cause-5"))
    total = forecast(cells).before(row, np.arange(cells.buckets + 1))
    week_before = total[20 * PER_DAY] - total[13 * PER_DAY]
    last_week = total[35 * PER_DAY] - total[28 * PER_DAY]
    assert last_week < 1.6 * week_before


def test_stricter_policies_say_a_part_of_what_lenient_ones_say() -> None:
    cells = troubled()

    def raised(per_day: float) -> set[tuple[int, int]]:
        alarms = evaluate(cells, 0, cells.buckets, Policy(false_per_day=per_day))
        return {(a.cell, a.detected_at) for a in alarms if a.raised}

    assert raised(1 / 1000) < raised(1 / 100) < raised(1)


# -- parts ------------------------------------------------------------------------------------


def test_forecast_learns_the_week_and_the_level() -> None:
    cells = cells_of(background(30))
    row = cells.scopes.index(Scope())
    total = forecast(cells).before(row, np.arange(cells.buckets + 1))
    people = np.r_[0, np.cumsum(cells.people[row])]
    for day in (31, 32, 33, 34):
        night = total[day * PER_DAY + 30] - total[day * PER_DAY]
        noon = total[day * PER_DAY + 84] - total[day * PER_DAY + 54]
        assert noon > 4 * night
    assert total[-1] - total[21 * PER_DAY] == pytest.approx(
        people[-1] - people[21 * PER_DAY], rel=0.1
    )


def test_eight_weeks_of_150_cells_take_less_than_three_seconds() -> None:
    rng = np.random.default_rng(1)
    days = 56
    shape = np.array([usual(b) for b in range(days * PER_DAY)])
    rate = np.r_[200.0, rng.lognormal(0.5, 1, 150)][:, None] * shape / shape.mean() / PER_DAY
    people = rng.poisson(rate).astype(np.float32)
    scopes = (Scope(), *(Scope(f"c{i}") for i in range(150)))
    cells = Cells(
        scopes, people, START, "Europe/London", np.zeros(151, np.intp), np.arange(151),
        np.array([False] + [True] * 150),
    )  # fmt: skip
    begin = time.process_time()
    evaluate(cells, 0, cells.buckets)
    assert time.process_time() - begin < 3


def test_alarms_are_plain_data() -> None:
    alarms = evaluate(troubled(), 0, troubled().buckets)
    assert alarms
    assert all(isinstance(a, Alarm) and a == replace(a) for a in alarms)
    assert all(a.detected_at % BUCKET == 0 and a.detected_at % HOUR >= 0 for a in alarms)


def test_a_crossing_is_expected_from_what_is_beside_it() -> None:
    """A product of a segment that nobody wrote of yet, in a cause that its neighbours write of daily."""
    here = Scope("cause-0", "", "small", "web")
    told = [
        (s, START + day * DAY + 10 * HOUR, n)
        for day in range(DAYS)
        for s, n in (
            (Scope(), 40),
            (Scope("cause-0"), 8),
            (Scope("cause-0", "", "small"), 2),
            (Scope("cause-0", "", "", "web"), 2),
            (here, 0),
        )
    ]
    cells = cells_from(told, start=START, buckets=DAYS * PER_DAY, zone="UTC", places=PLACES)
    expected, row = forecast(cells), cells.scopes.index(here)
    last = cells.buckets
    day = expected.before(row, last) - expected.before(row, last - PER_DAY)
    assert 0.1 < day < 2 * 2 / 4
    assert expected.shape[row, -1] > 2


def test_mislabelled_feedback_of_a_running_outbreak_opens_nothing() -> None:
    fault, echo = Scope("cause-0", "", "small", "web"), Scope("cause-9", "", "small", "web")
    other = Scope("cause-9", "", "large", "web")

    def alarm(scope: Scope, hour: int, people: int, began: int) -> Alarm:
        onset = START + began * HOUR
        return Alarm(
            0, scope, START + hour * HOUR, 144, people, 0.2, 0, 1, 1.0, 9.0, True, True, 0.9,
            onset, onset - HOUR, onset + HOUR,
        )  # fmt: skip

    def causes(*alarms: Alarm) -> list[str]:
        return [e.cause for e in episodes(alarms, START + 60 * HOUR, PLACES)]

    runs = alarm(fault, 20, 12, 4), alarm(fault, 50, 14, 4)
    assert causes(*runs, alarm(echo, 52, 6, 40)) == ["cause-0"]
    assert causes(*runs, alarm(echo, 52, 20, 40)) == ["cause-0", "cause-9"]
    assert causes(*runs, alarm(other, 52, 6, 40)) == ["cause-0", "cause-9"]
