"""Episodes of alarms -> hot issues: what a manager is told, in one object, and what the backlog reads."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from voc_scorecard.domain.cells import BUCKET, MINUTE, Scope
from voc_scorecard.domain.dimensions import cell
from voc_scorecard.domain.episodes import DAY, Episode

WITHDRAWN = "withdrawn"
"""The state of an issue that the corrected data no longer bear out."""


class Reach(Struct, frozen=True):
    """Whom an outbreak touched since its onset: people, accounts, and the accounts' monthly revenue.

    `revenue_known` is the share of the accounts whose revenue is known; `records` are the latest ones,
    newest first, to be read by who may read texts.
    """

    people: int = 0
    accounts: int = 0
    revenue: float = 0.0
    revenue_known: float = 0.0
    records: tuple[str, ...] = ()


class Issue(Struct, frozen=True, kw_only=True):
    """A hot issue as it stands; times of the data in UTC microseconds."""

    issue: str
    state: str
    cause: str
    stage: str
    product: str
    segment: str
    onset: int
    detected_at: int
    seen_at: int
    people: int
    expected: float
    p_real: float
    evidence: dict[str, Any]


def issue_id(tenant: str, episode: Episode) -> str:
    """The same for the same outbreak, however often the same data are judged."""
    first = episode.changes[0]
    scope = first.scope.cause or f"stage {first.scope.stage}"
    name = f"{tenant}\x1f{first.at}\x1f{scope}"
    return blake2b(name.encode(), digest_size=12).hexdigest()


def named(outbreaks: Mapping[str, Episode], known: Collection[Issue]) -> dict[str, Episode]:
    """The outbreaks, each by the name of the issue that it is; `outbreaks` come by their `issue_id`.

    A correction can move the first alarm of an outbreak, and with it the id. It is still the issue that people
    have read, judged and filed: among the `known` ones that would be withdrawn otherwise, that of the same
    cause (or stage) whose time overlaps, the earliest first.
    """
    stored = {k.issue for k in known}
    left = sorted(
        (k for k in known if k.issue not in outbreaks and k.state != WITHDRAWN),
        key=lambda k: (k.detected_at, k.issue),
    )
    names: dict[str, Episode] = {}
    for name, outbreak in outbreaks.items():
        mine = None if name in stored else next((k for k in left if _is_same(k, outbreak)), None)
        if mine is not None:
            left.remove(mine)
        names[mine.issue if mine else name] = outbreak
    return names


def _is_same(known: Issue, outbreak: Episode) -> bool:
    subject = (known.cause, "" if known.cause else known.stage)
    theirs = (outbreak.cause, "" if outbreak.cause else outbreak.scope.stage)
    return (
        subject == theirs and known.onset <= outbreak.seen_at and outbreak.onset[0] <= known.seen_at
    )


def cells_of(scope: Scope) -> str:
    """Name of the cell that a scope counts."""
    parts = [
        cell(d, v) for d, v in asdict(scope).items() if v and not (d == "stage" and scope.cause)
    ]
    return "|".join(parts) or "all"


def issue(name: str, episode: Episode, reach: Reach, names: Mapping[str, str]) -> Issue:
    """The issue of an episode, by its own name. `names` are the causes' names."""
    scope, lead = episode.scope, episode.lead
    onset, low, high = episode.onset
    hours = lead.window * BUCKET / (60 * MINUTE)
    title = names.get(scope.cause, scope.cause) or f"stage {scope.stage}"
    where = " in " + ", ".join(filter(None, (scope.segment, scope.product)))
    evidence: dict[str, Any] = {
        "title": title + (where if scope.segment or scope.product else ""),
        "scope": {k: v for k, v in asdict(scope).items() if v},
        "onset_from": low,
        "onset_to": high,
        "seen_at": episode.seen_at,
        "now": {
            "window_hours": hours,
            "people": lead.people,
            "expected": round(lead.expected, 2),
            "expected_low": lead.expected_low,
            "expected_high": lead.expected_high,
        },
        "volume_ratio": round(lead.volume, 3),
        "where": _where(episode),
        "ruled_out": _ruled_out(episode),
        "people": reach.people,
        "accounts": reach.accounts,
        "revenue": reach.revenue,
        "revenue_known_share": reach.revenue_known,
        "excess_per_day": round(lead.excess * DAY / (lead.window * BUCKET), 2),
        "records": list(reach.records),
    }
    return Issue(
        issue=name,
        state=episode.state,
        cause=scope.cause,
        stage=scope.stage,
        product=scope.product,
        segment=scope.segment,
        onset=onset,
        detected_at=episode.opened_at,
        seen_at=episode.seen_at,
        people=reach.people,
        expected=round(lead.expected, 2),
        p_real=round(lead.p_real, 4),
        evidence=evidence,
    )


def _where(episode: Episode) -> list[dict[str, Any]]:
    """The segments and products of the cause that are hot, by lift: people over people expected."""
    found: list[dict[str, Any]] = []
    for scope, alarm in episode.strongest.items():
        if scope.cause == episode.cause and (scope.segment or scope.product):
            dimension = "segment" if scope.segment else "product"
            lift = alarm.people / max(alarm.expected, 0.1)
            found.append(
                {
                    "dimension": dimension,
                    "value": scope.segment or scope.product,
                    "lift": round(lift, 1),
                }
            )
    return sorted(found, key=lambda w: (-w["lift"], w["dimension"], w["value"]))


def _ruled_out(episode: Episode) -> list[str]:
    """What the detector's expectation already contains, so that it cannot be the reason."""
    lead = episode.lead
    said = [
        "the hour of the week: the expectation is this cell's own, of the same hours",
        f"volume as a whole: it stands at {lead.volume:.2f} of the usual and is in the expectation",
    ]
    if lead.people >= 3:
        said.append(f"a single sender: {lead.people} different people, each counted once a day")
    return [
        *said,
        "a late delivery: records known more than a day after they happened are left out",
    ]
