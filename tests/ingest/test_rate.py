"""The token bucket: no more than the rate, and never impossible."""

from hypothesis import given
from hypothesis import strategies as st
from voc_ingest.domain.rate import Bucket


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 300)), max_size=40),
    st.floats(1, 500),
)
def test_no_window_takes_more_than_rate_and_burst(
    asked: list[tuple[float, int]], rate: float
) -> None:
    bucket, now, taken = Bucket(0.0), 0.0, []
    for pause, count in asked:
        now += pause
        if bucket.take(count, rate, now) == 0:
            taken.append((now, count))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            total = sum(count for _, count in taken[first : last + 1])
            span = taken[last][0] - taken[first][0]
            # A burst of two seconds, or one request of any size, and then the rate.
            most = max(2 * rate, taken[first][1]) + max(c for _, c in taken) + span * rate
            assert total <= most + 1e-6


@given(st.integers(1, 5000), st.floats(0.5, 100), st.lists(st.integers(1, 500), max_size=5))
def test_who_waits_as_told_is_let_in(count: int, rate: float, before: list[int]) -> None:
    bucket, now = Bucket(0.0), 0.0
    for earlier in before:
        bucket.take(earlier, rate, now)
    for _ in range(3):
        wait = bucket.take(count, rate, now)
        if wait == 0:
            return
        now += wait + 1e-6
    raise AssertionError("waited three times as told and was still refused")
