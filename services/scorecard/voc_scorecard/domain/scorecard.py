"""Numbers of one cell in a trailing window, put together from sums of counters."""

from collections.abc import Sequence

from msgspec import Struct

from voc_scorecard.domain.nps import Nps, nps
from voc_scorecard.domain.ranges import Span, day_spans, sum_spans

SMALL_GROUP = 5
"""Fewer employees than this are not shown apart: they could be recognised."""


class Window(Struct, frozen=True):
    """`days` local days, the last of them `last` (days since 1970-01-01)."""

    last: int
    days: int

    @property
    def first(self) -> int:
        """The first local day."""
        return self.last - self.days + 1

    @property
    def before(self) -> "Window":
        """The window of the same length that ends where this begins."""
        return Window(self.last - self.days, self.days)

    def spans(self) -> list[Span]:
        """The days of the window itself."""
        return day_spans(self.first, self.last + 1)


def window_spans(window: Window) -> dict[str, list[Span]]:
    """Spans to sum: of the window (`now`), of the one `before` it, and of all days in the `past` of both."""
    return {
        "now": window.spans(),
        "before": window.before.spans(),
        "past": sum_spans(window.before.first),
    }


class Volume(Struct, frozen=True):
    """Records, distinct identified people, and records without a person."""

    records: int = 0
    people: int = 0
    singles: int = 0

    def shown(self, small: bool) -> "Volume | None":
        """None for a group too small to be shown, where `small` groups must be hidden."""
        return None if small and self.people + self.singles < SMALL_GROUP else self


def volumes(
    now: Sequence[int], before: Sequence[int], past: Sequence[int]
) -> tuple[Volume, Volume]:
    """Of a window and of the one before it, of the sums of the spans of `window_spans`.

    Person-days less those days of a person that a later day in the window follows.
    """
    (off_now,), (off_before,) = _off(now[3:], before[3:], past[3:])
    return (
        Volume(now[0], now[1] - off_now, now[2]),
        Volume(before[0], before[1] - off_before, before[2]),
    )


def _off(
    now: Sequence[int], before: Sequence[int], past: Sequence[int]
) -> tuple[list[int], list[int]]:
    """What is replaced within a window and within the one before it, of sums of links that began and ended.

    Ended by the window's last day less begun before its first (`domain/chains`).
    """
    half = len(now) // 2
    columns = [zip(part[:half], part[half:], strict=True) for part in (now, before, past)]
    off_now: list[int] = []
    off_before: list[int] = []
    for (_, ended), (began_before, ended_before), (began_past, ended_past) in zip(
        *columns, strict=True
    ):
        off_before.append(ended_before + ended_past - began_past)
        off_now.append(ended + ended_before + ended_past - began_before - began_past)
    return off_now, off_before


class Score(Struct, frozen=True):
    """A net promoter score: latest answer per person; `singles` of its n have no person."""

    metric: str
    nps: Nps
    singles: int


def scores(
    metric: str, now: Sequence[int], before: Sequence[int], past: Sequence[int]
) -> tuple[Score, Score]:
    """Of a window and of the one before it, of the sums of the spans of `window_spans`."""
    off_now, off_before = _off(now[4:], before[4:], past[4:])
    return _score(metric, now, off_now), _score(metric, before, off_before)


def trailing_score(metric: str, ended: Sequence[int], began: Sequence[int]) -> Score:
    """Of a window, of the sums of all days up to its end and of all before its first."""
    window = [e - b for e, b in zip(ended, began, strict=True)]
    half = (len(window) - 4) // 2
    off = [e - b for e, b in zip(ended[4 + half :], began[4 : 4 + half], strict=True)]
    return _score(metric, window, off)


def _score(metric: str, facts: Sequence[int], off: Sequence[int]) -> Score:
    n, up, down, singles = facts[:4]
    return Score(metric, nps(n - off[0], up - off[1], down - off[2]), singles)
