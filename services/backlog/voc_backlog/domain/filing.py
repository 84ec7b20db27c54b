"""Which issues make which items: a pure function of a subject's issues, items and ground.

An item that nobody has touched is a projection of its issues under today's policy: whatever order
they come in, it is the same. From the first act of a person on, item and evidence stay together.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from voc_backlog.domain.ground import Ground, Policy
from voc_backlog.domain.issues import Issue, Subject
from voc_backlog.domain.items import Item, new_item
from voc_backlog.domain.priority import lead_of, number, priority
from voc_backlog.domain.routing import owner_of
from voc_backlog.domain.states import AT_REST

DAY = 86_400_000_000


class Filed(Struct, frozen=True):
    """The items of a subject as they follow, and where each of its free issues counts ("": nowhere yet)."""

    items: tuple[Item, ...]
    homes: Mapping[str, str]


def file(subject: Subject, items: Sequence[Item], issues: Sequence[Issue], ground: Ground) -> Filed:
    """Items of a subject after the evidence.

    `issues` are those about the subject and those pinned to its items. Free issues (not pinned) go to
    the open item. Without one, the item that came to rest last takes those of its own time; one
    detected after it wakes it or makes a new item, as the policy says. An item that nobody has
    touched and no issue holds any more is withdrawn (`retired`).
    """
    free = [i for i in issues if not i.pinned and i.subject == subject]
    last = _last([i for i in items if i.said])
    taken, woken = _taken(last, free, issues, ground.policy)
    fresh = [i for i in free if i.issue not in taken]
    candidate = candidate_of(subject, items)
    state = _state_of_new(fresh, ground.policy)
    homes = taken | dict.fromkeys((i.issue for i in fresh), candidate.item if state else "")
    everyone = [i for i in items if i is not candidate]
    if state or candidate.version:
        everyone.append(candidate)
    evidence = _evidence(everyone, issues, homes)
    states = {i.item: i.said or state or "retired" for i in everyone}
    if last is not None and woken:
        states[last.item] = "reopened"
    return Filed(
        tuple(follow(i, states[i.item], evidence[i.item], ground) for i in everyone), homes
    )


def _last(said: Sequence[Item]) -> Item | None:
    """The open item, else the one that came to rest last."""
    return max(said, key=lambda i: (not i.at_rest, i.said_at, i.ordinal), default=None)


def _taken(
    last: Item | None, free: Sequence[Issue], issues: Sequence[Issue], policy: Policy
) -> tuple[dict[str, str], bool]:
    """Issues that belong to the last item that people have touched (issue -> item), and whether they wake it."""
    if last is None:
        return {}, False
    known = [i for i in issues if i.pinned and i.item == last.item]
    woken = last.at_rest and any(
        _files(i, policy) and _wakes(last, i, policy) for i in (*free, *known)
    )
    every = woken or not last.at_rest
    return {i.issue: last.item for i in free if every or _belongs(last, i, policy)}, woken


def candidate_of(subject: Subject, items: Sequence[Item]) -> Item:
    """The item that nobody has touched, else the one that would be next."""
    untouched = next((i for i in items if not i.said), None)
    return untouched or new_item(subject, 1 + max((i.ordinal for i in items), default=0))


def wakes_at(item: Item, at: int, policy: Policy) -> bool:
    """Whether evidence of this time opens an item at rest again: soon after its closing, or once it has slept."""
    if item.said == "closed":
        return item.said_at < at <= item.said_at + policy.reopen_days * DAY
    return item.said == "declined" and at >= item.until


def _wakes(item: Item, issue: Issue, policy: Policy) -> bool:
    """A new outbreak does, and so does an old one that still fires when the item should have dealt with it."""
    if not issue.pinned and wakes_at(item, issue.detected_at, policy):
        return True
    if item.said == "declined":
        return issue.fired_at >= item.until
    settled = item.said_at + policy.settle_days * DAY
    return item.said == "closed" and issue.detected_at <= item.said_at and issue.fired_at > settled


def _belongs(item: Item, issue: Issue, policy: Policy) -> bool:
    """Whether an issue is evidence of an item at rest, and not of one to come."""
    if item.said == "closed":
        return issue.detected_at <= item.said_at + policy.reopen_days * DAY
    return item.said == "declined" or issue.detected_at <= item.said_at


def _files(issue: Issue, policy: Policy) -> bool:
    return _reached(issue, policy.file_p_real, policy)


def _shows(issue: Issue, policy: Policy) -> bool:
    return _reached(issue, min(policy.detect_p_real, policy.file_p_real), policy)


def _reached(issue: Issue, p_real: float, policy: Policy) -> bool:
    return (
        not issue.withdrawn
        and issue.people_peak >= policy.file_people
        and issue.p_real_peak >= p_real
    )


def _state_of_new(fresh: Sequence[Issue], policy: Policy) -> str:
    """State of an item that these issues would make, "" if they make none."""
    if any(_files(i, policy) for i in fresh):
        return "filed"
    return "detected" if any(_shows(i, policy) for i in fresh) else ""


def _evidence(
    items: Sequence[Item], issues: Iterable[Issue], homes: Mapping[str, str]
) -> dict[str, list[Issue]]:
    found: dict[str, list[Issue]] = {i.item: [] for i in items}
    for issue in issues:
        home = issue.item if issue.pinned else homes.get(issue.issue, "")
        if home in found:
            found[home].append(issue)
    return found


def follow(item: Item, state: str, issues: Sequence[Issue], ground: Ground) -> Item:
    """An item in this state with all that follows from its evidence and the tenant's ground."""
    lead = lead_of(issues)
    rank = priority(item, lead, ground)
    resting = state in AT_REST and bool(item.owner)
    # An item at rest keeps the owner who brought it there.
    owner, source = (item.owner, item.owner_from) if resting else owner_of(item.subject, ground)
    if item.assigned:
        owner, source = item.assigned, "person"
    return msgspec.structs.replace(
        item,
        state=state,
        title=item.named or title_of(item.subject, ground),
        owner=owner,
        owner_from=source,
        priority=rank.value,
        currency=ground.currency,
        weights_version=ground.settings_version,
        terms=rank.terms,
        nps=rank.nps,
        people=_people(item, issues),
        issues=tuple(sorted(i.issue for i in issues)),
        detected_at=min((i.detected_at for i in issues), default=item.acted_at),
        changed_at=max([item.acted_at, *(i.changed_at for i in issues)]),
    )


def _people(item: Item, issues: Sequence[Issue]) -> int:
    """The most people that any of its issues reached, or that a person told."""
    told = item.told.get("people", 0.0)
    stand = [i for i in issues if not i.withdrawn]
    reached = (number(i.evidence, "people") or 0.0 for i in stand)
    return int(max([told, *reached, *(i.people_peak for i in stand)]))


def title_of(subject: Subject, ground: Ground) -> str:
    """What an item is called until a person names it: its cause, and where."""
    _, cause, stage, product = subject
    node = ground.nodes.get(cause)
    name = (node.name if node else "") or cause
    where = [w for w in (stage, product) if w]
    if not name:
        return " / ".join(where)
    return f"{name} ({', '.join(where)})" if where else name
