"""What an item could have said instead of what its decoder refused."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from voc_common.events import Kind
from voc_common.http import hints

from voc_ingest.domain.items import ActivityItem, FeedbackItem

_PLACE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\[(\.\.\.|\d+)\]|\.([^.\[]+)")


def explained(refusal: str, event_kind: Kind) -> str:
    """A refusal of msgspec's with the fields or values that there are, where that is what was wrong."""
    found = _PLACE.search(refusal)
    path = [0 if index else name for index, name in _STEP.findall(found[1])] if found else []
    schema = _schema(event_kind)
    if refusal.startswith("Object contains unknown field"):
        return _with(refusal, "fields", hints.fields(schema, schema, path))
    if refusal.startswith("Invalid enum value"):
        return _with(refusal, "values", hints.values(schema, schema, path))
    if refusal.startswith("Invalid RFC3339"):
        return f"{refusal}; send a time with an offset, such as 2026-03-01T10:00:00+01:00"
    return refusal


def _with(refusal: str, what: str, there: list[str]) -> str:
    return f"{refusal}; {what} are {', '.join(there)}" if there else refusal


@cache
def _schema(event_kind: Kind) -> Mapping[str, Any]:
    return msgspec.json.schema(FeedbackItem if event_kind == "feedback" else ActivityItem)
