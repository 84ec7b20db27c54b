"""Fold a micro-batch to one event per record: the greatest version of every part."""

from collections.abc import Iterable
from typing import Any

import msgspec

from voc_common.events import RecordEvent

_PARTS = ("attribution", "decision")


def fold(events: Iterable[Any]) -> list[Any]:
    """One event per (tenant, record), in key order; events about no single record stay as they are.

    Parts are joined one by one: the greatest revision may come in another event than the greatest
    attribution. The body and the identifiers go with the revision.
    """
    greatest: dict[tuple[str, str], Any] = {}
    others: list[Any] = []
    for event in events:
        if not isinstance(event, RecordEvent):
            others.append(event)
            continue
        key = (event.tenant, event.record_id)
        known = greatest.get(key)
        greatest[key] = event if known is None else join(known, event)
    return [greatest[key] for key in sorted(greatest)] + others


def join(one: Any, other: Any) -> Any:
    """Two events of the same type about the same record as one."""
    if other.revision.version > one.revision.version:
        one, other = other, one
    newer: dict[str, Any] = {}
    for part in _PARTS:
        mine = getattr(one, part, None)
        if mine is not None and getattr(other, part).version > mine.version:
            newer[part] = getattr(other, part)
    return msgspec.structs.replace(one, **newer) if newer else one
