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


def window_spans(window: Window) -> tuple[dict[str, list[Span]], dict[str, list[Span]]]:
    """Spans to sum for a window and the one before it: of facts, and of links up to their ends.

    Labels of facts are `now` and `before`; of links `end`, `middle` and `start`.
    """
    facts = {"now": window.spans(), "before": window.before.spans()}
    links = {
        "end": sum_spans(window.last + 1),
        "middle": sum_spans(window.first),
        "start": sum_spans(window.before.first),
    }
    return facts, links


class Volume(Struct, frozen=True):
    """Records, distinct identified people, and records without a person."""

    records: int = 0
    people: int = 0
    singles: int = 0

    def shown(self, small: bool) -> "Volume | None":
        """None for a group too small to be shown, where `small` groups must be hidden."""
        return None if small and self.people + self.singles < SMALL_GROUP else self


def volume(facts: Sequence[int], ended: int, began: int) -> Volume:
    """Of sums of volume, and of links ended by the window's end and begun before its first day.

    Person-days less those days of a person that a later day in the window follows.
    """
    records, person_days, singles = facts
    return Volume(records, person_days - (ended - began), singles)


class Score(Struct, frozen=True):
    """A net promoter score: latest answer per person; `singles` of its n have no person."""

    metric: str
    nps: Nps
    singles: int


def score(metric: str, facts: Sequence[int], ended: Sequence[int], began: Sequence[int]) -> Score:
    """Of sums of answers, and of replaced answers: `ended` by the window's end, `began` before it."""
    n, up, down, singles = facts
    off = [e - b for e, b in zip(ended[3:], began[:3], strict=True)]
    return Score(metric, nps(n - off[0], up - off[1], down - off[2]), singles)
