"""The form in which items arrive over HTTP; unknown fields are refused so that no typo loses data."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with an offset")]
Name = Annotated[str, Meta(max_length=128)]
_SLUG = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
Slug = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="lower case, digits and _ . -",
        extra_json_schema={"pattern": _SLUG},
    ),
]
"""Its characters are checked by `slug_fault`: to match them took half the time of reading an item."""
Stakeholder = Literal["customer", "employee", "partner"]


@lru_cache(maxsize=4096)
def slug_fault(value: str) -> str:
    """What is wrong with a slug, or "": there are few of them, and they come again and again."""
    if re.fullmatch(_SLUG, value):
        return ""
    return f"must match {_SLUG}"


class ScoreItem(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A rating with its scale: `value` lies in [`min`, `max`]."""

    value: float
    min: float
    max: float
    kind: Literal["NPS", "CSAT", "CES", "stars", "thumbs"]
    direction: Literal["up", "down"] = "up"
    question: Name = ""
    wording: Name = ""
    relational: bool = False


class IdentifierItem(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One way in which the source names a person or an account.

    `issuer` is the source itself where it is not given for `external` and `account`; `verified` is true
    unless the source's settings say otherwise.
    """

    type: Literal["external", "email", "phone", "name", "account"]
    value: Annotated[str, Meta(max_length=512)]
    issuer: Name = ""
    verified: bool | UnsetType = UNSET


class FeedbackItem(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Feedback as a source tells it: text, a score, or attributes alone.

    `source` is the logical system and `id` the object's own id there. `created_at` is the object's immutable
    creation time (part of its record id: send it always or never), `occurred_at` when it happened
    (default: `created_at`, else receipt), `updated_at` the source's stamp of this state.
    """

    source: Slug
    id: Annotated[str, Meta(min_length=1, max_length=512)]
    kind: Slug
    created_at: Moment | None = None
    occurred_at: Moment | None = None
    updated_at: Moment | None = None
    channel: Name = ""
    text: str = ""
    score: ScoreItem | None = None
    identifiers: Annotated[tuple[IdentifierItem, ...], Meta(max_length=32)] = ()
    product: Name = ""
    team: Name = ""
    segment: Name = ""
    stakeholder: Stakeholder | None = None
    attributes: dict[str, Any] = {}


class ActivityItem(FeedbackItem, frozen=True, gc=False, forbid_unknown_fields=True):
    """Something that happened: a contact, a subscription, a deployment; needs neither text nor score."""
