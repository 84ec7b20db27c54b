"""Tails, intervals and thresholds of the hot-issue detector, held against what they approximate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voc_scorecard.domain.calibration import CALIBRATION
from voc_scorecard.domain.counts import interval, log10_tail, log_gamma
from voc_scorecard.domain.forecast import volume_ratio


@settings(deadline=None)
@given(
    mean=st.floats(0.01, 60),
    size=st.floats(0.05, 1e5),
    times=st.floats(1.5, 6),
)
def test_tail_is_that_of_the_negative_binomial(mean: float, size: float, times: float) -> None:
    count = max(3, math.ceil(mean * times))

    def log_mass(k: int) -> float:
        choose = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
        return choose + k * math.log(mean / (mean + size)) - size * math.log1p(mean / size)

    below = math.fsum(math.exp(log_mass(k)) for k in range(count))
    exact = math.fsum(math.exp(log_mass(k)) for k in range(count, count + 4000))
    if exact > 1e-12 and abs(below + exact - 1) < 1e-9:
        ours = float(log10_tail(np.array([count]), np.array([mean]), np.array([size]))[0])
        assert ours == pytest.approx(math.log10(exact), abs=0.05 if exact < 0.01 else 0.7)


@given(st.floats(0.001, 1e5))
def test_log_gamma(x: float) -> None:
    assert float(log_gamma(np.array([x]))[0]) == pytest.approx(math.lgamma(x), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(mean=st.floats(0.05, 200), size=st.floats(0.5, 1e4))
def test_interval_holds_four_fifths(mean: float, size: float) -> None:
    low, high = interval(mean, size)

    def log_mass(k: int) -> float:
        choose = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
        return choose + k * math.log(mean / (mean + size)) - size * math.log1p(mean / size)

    below = math.fsum(math.exp(log_mass(k)) for k in range(low))
    inside = math.fsum(math.exp(log_mass(k)) for k in range(low, high + 1))
    assert inside >= 0.8 - 1e-6
    assert below <= 0.1 + 1e-6


@given(seen=st.floats(0, 1e4), expected=st.floats(0, 1e4))
def test_volume_ratio_lies_between_no_change_and_what_is_seen(seen: float, expected: float) -> None:
    ratio = float(volume_ratio(np.array([seen]), np.array([expected]))[0])
    plain = seen / expected if expected > 0 else math.inf
    assert min(1.0, plain) - 1e-9 <= ratio <= max(1.0, plain) + 1e-9


@given(st.floats(1e-4, 1), st.integers(1, 5000))
def test_threshold_is_where_the_allowed_false_alarms_are(per_day: float, cells: int) -> None:
    level = CALIBRATION.threshold(per_day, cells)
    if level > 0.1:
        assert CALIBRATION.false_per_day(level, cells) == pytest.approx(per_day, rel=0.01)


def test_probability_rises_with_evidence() -> None:
    chances = [CALIBRATION.p_real(e / 4, 300) for e in range(80)]
    assert chances == sorted(chances)
    assert chances[0] < 0.05
    assert chances[-1] > 0.99
