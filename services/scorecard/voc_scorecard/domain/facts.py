"""What a record contributes: a fact, made of its joined parts alone."""

from functools import lru_cache

from msgspec import Struct
from voc_common.events import Score

from voc_scorecard.domain.dimensions import LATE, SUSPECT, activity_cells, feedback_cells, prefix
from voc_scorecard.domain.ranges import DAY_US, five

WATCH_BUCKET = 600_000_000
"""Length of the detector's buckets, microseconds."""
_LATEST = DAY_US


class Fact(Struct, frozen=True, gc=False, array_like=True):
    """A counted record, as the counters see it.

    `at` is when it happened (UTC microseconds), `bucket` the 5 minutes and `day` the tenant's local day of
    it, `known` the 10-minute bucket in which it became known. It counts in `cells`; `watched` are those of
    the detector. `metric` names the question that it answers, with `value` 1 for a promoter, -1 for a
    detractor, 0 between; no metric: not a scored answer.
    """

    record: str
    person: str
    at: int
    bucket: int
    day: int
    known: int
    cells: tuple[str, ...]
    watched: tuple[str, ...] = ()
    metric: str = ""
    value: int = 0


def fact(
    record: str,
    person: str,
    at: int,
    known: int,
    day: int,
    kind: str,
    stakeholder: str,
    channel: str,
    product: str,
    segment: str,
    team: str,
    suspect: bool,
    score: Score | None,
    decided: bool,
    stage: str,
    causes: tuple[str, ...],
) -> Fact:
    """The fact of a record: feedback where taxonomy has `decided` on it, otherwise an activity.

    `at` and `known` are when it happened and when it could first be known, `day` is the local day of `at`.
    Suspect records and records known more than a day after they happened are not for the detector;
    suspect ones give no score either.
    """
    if not decided:
        counted = activity_cells(stakeholder, kind).counted
        return Fact(record, person, at, five(at), day, known // WATCH_BUCKET, counted)
    cells = feedback_cells(stakeholder, channel, product, segment, team, stage, causes)
    counted, watched, metric, value = cells.counted, cells.watched, "", 0
    if known - at > _LATEST:
        counted, watched = (*counted, prefix(stakeholder) + LATE), ()
    if suspect:
        counted, watched = (*counted, prefix(stakeholder) + SUSPECT), ()
    elif score is not None and is_nps(score):
        metric, value = nps_metric(score, stakeholder), nps_value(score)
    known //= WATCH_BUCKET
    return Fact(record, person, at, five(at), day, known, counted, watched, metric, value)


def is_nps(score: Score) -> bool:
    """Whether a score is an answer to the 0 to 10 question; no other scale is read as NPS."""
    return score.kind == "NPS" and score.min == 0 and score.max == 10 and 0 <= score.value <= 10


def nps_value(score: Score) -> int:
    """1 for a promoter (9, 10), -1 for a detractor (0 to 6), else 0 (Reichheld 2003)."""
    points = score.value if score.direction == "up" else 10 - score.value
    return 1 if points >= 9 else -1 if points <= 6 else 0


def nps_metric(score: Score, stakeholder: str) -> str:
    """The name under which answers may be pooled: question, wording, occasion, and who was asked."""
    return _metric(score.question, score.wording, score.relational, stakeholder)


@lru_cache(maxsize=10_000)
def _metric(question: str, wording: str, relational: bool, stakeholder: str) -> str:
    parts = [p.replace("%", "%25").replace(":", "%3A") for p in (question, wording)]
    occasion = "relational" if relational else "transactional"
    return f"{prefix(stakeholder)}nps:{parts[0]}:{parts[1]}:{occasion}"
