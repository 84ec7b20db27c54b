"""An item: what people said of it, what follows from that and its issues, and how it is told."""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import ItemChanged

from voc_backlog.domain.issues import Subject
from voc_backlog.domain.states import AT_REST

_GENERATION_BITS = 32


class Term(Struct, frozen=True, gc=False):
    """One number of a priority and where it comes from; None where nobody knows (it then counts as 0)."""

    name: str
    value: float | None
    unit: str
    source: str


class Item(Struct, frozen=True, gc=False, kw_only=True):
    """An item of the backlog.

    `ordinal` counts the items of a subject. `version` counts changes; `decided` is the version of the
    latest change of anything but evidence and rank, for optimistic concurrency.

    What people said: `said` is the state in which they last left it ("" if nobody has touched it) since
    `said_at`, `acted_at` their latest act of any kind; `until` a declined item sleeps; `named`,
    `assigned`, `effort` (days) and `due_at` stand if given; `rework` counts how often finished work had
    to be done again; `flags` and `told` are what they flagged (`told`: the numbers, latest first).

    What follows from that, the issues and the tenant's ground: all the rest. Times are UTC microseconds.
    """

    tenant: str
    item: str
    cause: str
    stage: str
    product: str
    ordinal: int
    version: int = 0
    decided: int = 0

    said: str = ""
    said_at: int = 0
    acted_at: int = 0
    until: int = 0
    verification: str = ""
    named: str = ""
    assigned: str = ""
    effort: float = 0.0
    due_at: int = 0
    rework: int = 0
    flags: int = 0
    told: dict[str, float] = {}

    state: str = ""
    title: str = ""
    owner: str = ""
    owner_from: str = ""
    priority: float = 0.0
    currency: str = ""
    weights_version: int = 0
    terms: tuple[Term, ...] = ()
    nps: float | None = None
    people: int = 0
    issues: tuple[str, ...] = ()
    detected_at: int = 0
    changed_at: int = 0

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return self.tenant, self.cause, self.stage, self.product

    @property
    def reworked(self) -> int:
        """How often finished work had to be done again, with this time."""
        return self.rework + (self.state == "reopened" and self.said == "closed")

    @property
    def at_rest(self) -> bool:
        """Whether people have put it to rest; an outbreak may wake it."""
        return self.said in AT_REST


_DECIDED = ("state", "named", "owner", "effort", "due_at", "until", "verification", "rework")
_TRAILED = (
    "state",
    "title",
    "owner",
    "effort",
    "due_at",
    "until",
    "verification",
    "priority",
    "issues",
    "flags",
)


def item_id(subject: Subject, ordinal: int) -> str:
    """Id of a subject's n-th item: the same whichever of its issues arrives first."""
    name = "\x1f".join((*subject, str(ordinal)))
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def new_item(subject: Subject, ordinal: int) -> Item:
    """A subject's n-th item before anything is known of it."""
    tenant, cause, stage, product = subject
    return Item(
        tenant=tenant,
        item=item_id(subject, ordinal),
        cause=cause,
        stage=stage,
        product=product,
        ordinal=ordinal,
    )


def next_version(version: int, generation: int) -> int:
    """The version after this one; greater than all of an earlier generation (a backup was restored)."""
    return max(version, (generation - 1) << _GENERATION_BITS) + 1


def stamped(before: Item, after: Item, generation: int) -> Item:
    """The item after a change with its next version; as it was if nothing changed.

    Evidence and rank leave `decided` as it is: they are no conflict for a person who decides meanwhile.
    """
    after = msgspec.structs.replace(after, version=before.version, decided=before.decided)
    if after == before:
        return before
    version = next_version(before.version, generation)
    decided = any(getattr(before, f) != getattr(after, f) for f in _DECIDED)
    return msgspec.structs.replace(
        after, version=version, decided=version if decided else before.decided
    )


def trail(before: Item, after: Item) -> dict[str, list[Any]]:
    """What a change did, for the audit trail: field -> [before, after]."""
    return {
        f: [getattr(before, f), getattr(after, f)]
        for f in _TRAILED
        if getattr(before, f) != getattr(after, f)
    }


def changed(item: Item) -> ItemChanged:
    """The event that tells an item, whole."""
    return ItemChanged(
        tenant=item.tenant,
        item=item.item,
        version=item.version,
        state=item.state,
        title=item.title,
        cause=item.cause,
        stage=item.stage,
        product=item.product,
        owner=item.owner,
        priority=item.priority,
        issues=item.issues,
        changed_at=item.changed_at,
        due_at=item.due_at,
    )
