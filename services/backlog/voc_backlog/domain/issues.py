"""Hot issues as the backlog keeps them: the join of all their versions, whatever order they come in."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import HotIssueChanged

Subject = tuple[str, str, str, str]
"""What an item is about: tenant, cause, stage, product. At most one item of a subject is open."""

LATEST = 4_102_444_800_000_000
"""The year 2100: what lies beyond is no time."""
_OVER = "resolved"
_WITHDRAWN = "withdrawn"
_TEXT = 200
_PEOPLE = 2**31 - 1
_VERSION = 2**62


class Unusable(ValueError):
    """An event that breaks a rule beyond its types; the message says which."""


class Issue(Struct, frozen=True, gc=False, kw_only=True):
    """A hot issue.

    Its subject (`cause`, `stage`, `product`) is that of its first version: as an outbreak is understood
    better its scope narrows, and an item must not jump to another subject for that. `people_peak` and
    `p_real_peak` are the most that any version said, so that an issue that fades stays filed; `fired_at` is
    the latest time of the data at which a version said that it was not over. All else is of the latest
    version. `item` is where it counts as evidence; `pinned`, that a person has acted on that
    item since: then it stays there.
    """

    tenant: str
    issue: str
    cause: str
    stage: str
    product: str
    first_version: int
    version: int
    state: str
    onset: int
    detected_at: int
    changed_at: int
    people: int
    expected: float
    p_real: float
    people_peak: int
    p_real_peak: float
    fired_at: int
    evidence: dict[str, Any]
    item: str = ""
    pinned: bool = False

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return self.tenant, self.cause, self.stage, self.product

    @property
    def over(self) -> bool:
        """Whether the outbreak has ended."""
        return self.state == _OVER

    @property
    def withdrawn(self) -> bool:
        """Whether the data no longer bear it out (records were merged, corrected or erased)."""
        return self.state == _WITHDRAWN

    @property
    def seen_at(self) -> int:
        """When it was last seen in the data, as far as the evidence says; else when that was told."""
        return _seen_at(self.evidence, self.changed_at)


def issue_of(event: HotIssueChanged) -> Issue:
    """An issue of which only this version is known; raises `Unusable`."""
    _check(event)
    return Issue(
        tenant=event.tenant,
        issue=event.issue,
        cause=event.cause,
        stage=event.stage,
        product=event.product,
        first_version=event.version,
        version=event.version,
        state=event.state,
        onset=event.onset,
        detected_at=event.detected_at,
        changed_at=event.changed_at,
        people=event.people,
        expected=event.expected,
        p_real=event.p_real,
        people_peak=event.people,
        p_real_peak=event.p_real,
        fired_at=0
        if event.state in {_OVER, _WITHDRAWN}
        else _seen_at(event.evidence, event.changed_at),
        evidence=event.evidence,
    )


def _seen_at(evidence: Mapping[str, Any], told_at: int) -> int:
    # In a history load the two are weeks apart: what is long over would seem to fire today.
    found = evidence.get("seen_at")
    return found if type(found) is int and 0 <= found <= LATEST else told_at


def join(one: Issue, other: Issue) -> Issue:
    """Two views of one issue as one: commutative, associative, idempotent."""
    latest = max(one, other, key=lambda i: (i.version, i.changed_at))
    first = min(one, other, key=lambda i: i.first_version)
    return msgspec.structs.replace(
        latest,
        cause=first.cause,
        stage=first.stage,
        product=first.product,
        first_version=first.first_version,
        detected_at=min(one.detected_at, other.detected_at),
        people_peak=max(one.people_peak, other.people_peak),
        p_real_peak=max(one.p_real_peak, other.p_real_peak),
        fired_at=max(one.fired_at, other.fired_at),
    )


def joined(events: Iterable[HotIssueChanged]) -> list[Issue]:
    """One issue each, in the order of their keys, so that two workers cannot wait for each other."""
    found: dict[tuple[str, str], Issue] = {}
    for event in events:
        key, issue = (event.tenant, event.issue), issue_of(event)
        found[key] = join(found[key], issue) if key in found else issue
    return [found[key] for key in sorted(found)]


def _check(event: HotIssueChanged) -> None:
    for name in ("issue", "state", "cause", "stage", "product"):
        value: str = getattr(event, name)
        if len(value) > _TEXT or (value and not value.isprintable()):
            raise Unusable(f"{name} must have at most {_TEXT} printable characters")
    if not event.issue:
        raise Unusable("issue must not be empty")
    if not (event.cause or event.stage or event.product):
        raise Unusable("an issue must have a cause, a stage or a product")
    if not 1 <= event.version <= _VERSION:
        raise Unusable("version must lie between 1 and 2**62")
    if not 0 <= event.people <= _PEOPLE:
        raise Unusable("people must not be negative")
    for name in ("onset", "detected_at", "changed_at"):
        if not 0 <= getattr(event, name) <= LATEST:
            raise Unusable(f"{name} must be microseconds between 1970 and 2100")
    if not 0 <= event.p_real <= 1 or not (math.isfinite(event.expected) and event.expected >= 0):
        raise Unusable("p_real must lie in [0, 1] and expected must not be negative")
