"""What people do to an item, as pure functions: the item before, what they want, the item after."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voc_backlog.domain import states
from voc_backlog.domain.filing import DAY, candidate_of, wakes_at
from voc_backlog.domain.ground import Policy
from voc_backlog.domain.issues import Subject
from voc_backlog.domain.items import Item

T = TypeVar("T")


class NotAllowed(ValueError):
    """There is no such step from the item's state; the message says which there are."""


class Unfit(ValueError):
    """The step needs something that was not given, or was given what it has no place for; the message says what."""


class Wish(Struct, frozen=True, kw_only=True):
    """A step that a person wants to take; `until` in UTC microseconds, 0 for none."""

    to: states.State
    why: str = ""
    until: int = 0
    verification: str = ""


class Edit(Struct, frozen=True, kw_only=True):
    """What a person wants to change; None gives a field back to routing, taxonomy or policy."""

    owner: str | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    effort: float | UnsetType | None = UNSET
    due_at: int | UnsetType | None = UNSET


def move(item: Item, wish: Wish, now: int, policy: Policy) -> Item:
    """An item after a step; raises `NotAllowed` and `Unfit`."""
    step = states.step(item.state, wish.to)
    if step is None:
        ways = ", ".join(s.to for s in states.STEPS[item.state])
        raise NotAllowed(f"from {item.state} an item can go to: {ways}; not to {wish.to}")
    base = touch(item, now)
    verification = wish.verification or base.verification
    given: dict[states.Need, bool] = {
        "why": bool(wish.why.strip()),
        "until": wish.until > now,
        "verification": bool(verification.strip()),
    }
    missing = [_ASKED[need] for need in step.needs if not given[need]]
    if missing:
        raise Unfit(f"{wish.to} needs {' and '.join(missing)}")
    if wish.until and wish.to != "declined":
        raise Unfit("only a declined item has a time until which it sleeps (until)")
    if wish.verification and wish.to not in _VERIFIED:
        raise Unfit(f"how it was verified belongs to {', '.join(_VERIFIED)}")
    reopened = wish.to == "reopened"
    soon = item.state == "closed" and now <= item.said_at + policy.reopen_days * DAY
    return msgspec.structs.replace(
        base,
        said=wish.to,
        said_at=now,
        until=wish.until if wish.to == "declined" else 0,
        # What is taken up again has to be verified again.
        verification="" if reopened or step.back else verification,
        rework=base.rework + (step.back or (reopened and soon)),
    )


_VERIFIED = ("verified", "rolled_out", "closed")
_ASKED: Mapping[states.Need, str] = {
    "why": "a reason (why)",
    "until": "a time to come (until)",
    "verification": "how it was verified (verification)",
}


def edit(item: Item, wanted: Edit, now: int) -> Item:
    """An item with an owner, a title, an estimate or a due date of a person's."""
    base = touch(item, now)
    return msgspec.structs.replace(
        base,
        assigned=_chosen(wanted.owner, base.assigned, ""),
        named=_chosen(wanted.title, base.named, ""),
        effort=_chosen(wanted.effort, base.effort, 0.0),
        due_at=_chosen(wanted.due_at, base.due_at, 0),
    )


def _chosen(value: T | UnsetType | None, kept: T, none: T) -> T:
    return kept if isinstance(value, UnsetType) else none if value is None else value


def flag(item: Item, told: Mapping[str, float], now: int, policy: Policy) -> Item:
    """An item with a person's word that the defect is there: it files what was only detected, and wakes what slept."""
    wakened = item.state in states.AT_REST and (not item.said or wakes_at(item, now, policy))
    if wakened:
        item = msgspec.structs.replace(item, state="reopened" if item.said else "filed")
    elif item.state in {"", "detected"}:
        item = msgspec.structs.replace(item, state="filed")
    return msgspec.structs.replace(
        touch(item, now), flags=item.flags + 1, told={**item.told, **told}
    )


def receiver(subject: Subject, items: Sequence[Item], now: int, policy: Policy) -> Item:
    """The item that a person's flag belongs to: the open one, else one at rest that it wakes or adds to, else a new one."""
    opened = next((i for i in items if i.state in states.OPEN), None)
    if opened is not None:
        return opened
    last = max((i for i in items if i.said), key=lambda i: (i.said_at, i.ordinal), default=None)
    if last is not None and (last.said == "declined" or wakes_at(last, now, policy)):
        return last
    return candidate_of(subject, items)


def touch(item: Item, now: int) -> Item:
    """An item that a person has acted on: what the machine made of it is now theirs."""
    if item.said == item.state:
        return msgspec.structs.replace(item, acted_at=now)
    again = item.state == "reopened"
    return msgspec.structs.replace(
        item,
        said=item.state,
        said_at=now,
        acted_at=now,
        until=0,
        verification="" if again else item.verification,
        rework=item.reworked,
    )
