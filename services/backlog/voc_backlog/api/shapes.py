"""What the API shows of items, and how."""

from typing import Any

from pydantic import BaseModel, Field
from voc_common.http.times import iso

from voc_backlog.domain.issues import Issue
from voc_backlog.domain.items import Item
from voc_backlog.domain.priority import FORMULA
from voc_backlog.domain.states import STEPS
from voc_backlog.repository.items import Flag, Trail


class TermOut(BaseModel):
    """One number of the priority and where it comes from; `null` counts as 0."""

    name: str
    value: float | None
    unit: str
    source: str


class PriorityOut(BaseModel):
    """Money that a day of work saves, with every term that makes it."""

    value: float
    currency: str
    formula: str
    weights_version: int = Field(description="version of the tenant's settings; 0: the defaults")
    terms: list[TermOut]


class ActionOut(BaseModel):
    """A step that the caller may take now, and what it needs."""

    to: str
    needs: list[str]


class ItemOut(BaseModel):
    """An item of the backlog."""

    item: str
    version: int
    state: str
    title: str
    cause: str
    stage: str
    product: str
    owner: str
    owner_from: str = Field(description="route, cause, stage, fallback, or person (it stays)")
    priority: PriorityOut
    nps: float | None = Field(description="shown beside the priority, never part of it")
    people: int
    effort_days: float | None = Field(description="estimated by a person; null: the policy's")
    due_at: str | None
    until: str | None = Field(description="until when a declined item sleeps")
    verification: str
    rework: int = Field(description="how often finished work had to be done again")
    flags: int
    issues: list[str]
    detected_at: str | None
    changed_at: str
    actions: list[ActionOut]
    editable: bool


class IssueOut(BaseModel):
    """A hot issue that is evidence of an item. `evidence` is data of its sender: show it escaped."""

    issue: str
    version: int
    state: str
    onset: str
    detected_at: str
    changed_at: str
    people: int
    people_peak: int
    expected: float
    p_real: float
    evidence: dict[str, Any]


class FlagOut(BaseModel):
    """What a person flagged."""

    note: str
    evidence: dict[str, float]
    made_by: str
    made_at: str


class TrailOut(BaseModel):
    """An entry of the audit trail: who did what, when and why. `voc` is the machine."""

    version: int
    made_by: str
    made_at: str
    from_state: str
    to_state: str
    why: str
    changes: dict[str, list[Any]]


class ItemView(ItemOut):
    """An item with its latest evidence and trail, newest first."""

    evidence: list[IssueOut]
    flagged: list[FlagOut]
    trail: list[TrailOut]


def shown(at: int) -> str | None:
    """A time as ISO 8601; none for 0."""
    return iso(at) if at else None


def actions(item: Item, *, may_write: bool, occupied: bool) -> list[ActionOut]:
    """The steps that the caller may take; an item is not opened again while another about the same is open."""
    if not may_write:
        return []
    return [
        ActionOut(
            to=step.to,
            needs=[n for n in step.needs if n != "verification" or not item.verification],
        )
        for step in STEPS[item.state]
        if not (occupied and step.to == "reopened")
    ]


def item_out(item: Item, *, may_write: bool, occupied: bool = False) -> ItemOut:
    """An item as the API shows it to this caller."""
    return ItemOut(
        item=item.item,
        version=item.version,
        state=item.state,
        title=item.title,
        cause=item.cause,
        stage=item.stage,
        product=item.product,
        owner=item.owner,
        owner_from=item.owner_from,
        priority=PriorityOut(
            value=item.priority,
            currency=item.currency,
            formula=FORMULA,
            weights_version=item.weights_version,
            terms=[
                TermOut(name=t.name, value=t.value, unit=t.unit, source=t.source)
                for t in item.terms
            ],
        ),
        nps=item.nps,
        people=item.people,
        effort_days=item.effort or None,
        due_at=shown(item.due_at),
        until=shown(item.until),
        verification=item.verification,
        rework=item.reworked,
        flags=item.flags,
        issues=list(item.issues),
        detected_at=shown(item.detected_at),
        changed_at=iso(item.changed_at),
        actions=actions(item, may_write=may_write, occupied=occupied),
        editable=may_write,
    )


def issue_out(issue: Issue) -> IssueOut:
    """A hot issue as evidence."""
    return IssueOut(
        issue=issue.issue,
        version=issue.version,
        state=issue.state,
        onset=iso(issue.onset),
        detected_at=iso(issue.detected_at),
        changed_at=iso(issue.changed_at),
        people=issue.people,
        people_peak=issue.people_peak,
        expected=issue.expected,
        p_real=issue.p_real,
        evidence=issue.evidence,
    )


def flag_out(flag: Flag) -> FlagOut:
    """A flag as evidence."""
    return FlagOut(note=flag.note, evidence=flag.told, made_by=flag.made_by, made_at=flag.made_at)


def trail_out(entry: Trail) -> TrailOut:
    """An entry of the trail."""
    return TrailOut(
        version=entry.version,
        made_by=entry.made_by,
        made_at=entry.made_at,
        from_state=entry.from_state,
        to_state=entry.to_state,
        why=entry.why,
        changes=entry.changes,
    )
