"""Net promoter score with its interval, and when it may be shown."""

from math import sqrt

from msgspec import Struct

LEAST = 30
"""Fewer answers are not shown as a score."""
GREY_POINTS = 10.0
"""A wider half-interval is shown grey: no decision should rest on it."""
_Z95 = 1.959963984540054


class Nps(Struct, frozen=True):
    """A net promoter score in points (-100 to 100) of `n` answers.

    `value`, `low` and `high` are None where `hidden` says why. `grey`: the 95 % interval is wider than
    10 points to either side.
    """

    n: int
    promoters: int
    detractors: int
    value: float | None
    low: float | None
    high: float | None
    grey: bool
    hidden: str


def nps(n: int, promoters: int, detractors: int) -> Nps:
    """The score with its adjusted Wald interval: 3/4 is added to promoters and to detractors, 3 to n.

    Rocks 2016, Interval estimation for the net promoter score, The American Statistician 70(4).
    """
    if n < LEAST:
        hidden = f"fewer than {LEAST} answers"
        return Nps(n, promoters, detractors, None, None, None, False, hidden)
    size = n + 3
    up, down = (promoters + 0.75) / size, (detractors + 0.75) / size
    half = 100 * _Z95 * sqrt(max(up + down - (up - down) ** 2, 0.0) / size)
    middle = 100 * (up - down)
    value = 100 * (promoters - detractors) / n
    low, high = max(middle - half, -100.0), min(middle + half, 100.0)
    return Nps(n, promoters, detractors, value, low, high, half > GREY_POINTS, "")
