"""Chains: which answer or presence of a person a later one replaces, within which windows.

A window is W local days of the tenant, the last of them up to now. In it a person counts once: by the
latest answer, or by having been there at all. That is the number of all answers in the window less those
that a later one in the window replaces. One of day t that the next, of day n, replaces is to be taken off
exactly while the window's first day s <= t and its last day e >= n, which can only be while n - t < W.
So over the replaced ones with n - t < W it is the number with n <= e less the number with t < s: two sums
of daily counts. No row lies in the future, and later answers never change an earlier window.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

WINDOWS = (7, 30, 90, 365)
"""Trailing windows, in days."""


class Link(Struct, frozen=True, gc=False, array_like=True):
    """Something on day `began` that something on day `ended` replaces, in windows of `within` days and more."""

    began: int
    ended: int
    within: int


_WITHIN = [next(w for w in WINDOWS if gap < w) for gap in range(WINDOWS[-1])]


def within(gap: int) -> int:
    """The smallest window that holds two days so far apart; 0 if none does."""
    return _WITHIN[gap] if gap < WINDOWS[-1] else 0


def links(days: Sequence[int]) -> list[Link | None]:
    """For each of the ascending `days` but the last: its link to the next, None if no window holds both."""
    return [
        Link(began, ended, window) if (window := within(ended - began)) else None
        for began, ended in pairwise(days)
    ]


def counted(days: Iterable[int], replaced: Iterable[Link], last: int, window: int) -> int:
    """How many count in the `window` days that end with `last`: what reads compute from the counters."""
    first = last - window + 1
    every = sum(first <= day <= last for day in days)
    off = sum((k.ended <= last) - (k.began < first) for k in replaced if k.within <= window)
    return every - off
