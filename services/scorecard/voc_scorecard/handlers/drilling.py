"""The records behind a number, now or as they were counted once."""

from collections.abc import Mapping

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_scorecard.domain.dimensions import holds
from voc_scorecard.domain.facts import Fact
from voc_scorecard.handlers.as_of import changed
from voc_scorecard.repository import drilling
from voc_scorecard.repository.drilling import Found

Place = tuple[int, str]
"""Where a page ends: time and record id of its last record."""


class Drill(Struct, frozen=True):
    """Which records are wanted: of a cell, in [since, until), as of a moment (0: now), in microseconds."""

    cell: str
    since: int
    until: int
    as_of: int


async def records(
    tx: Transaction, tenant: str, wanted: Drill, after: Place, limit: int
) -> list[Found | Fact]:
    """A page of records behind `after`; `tx` must be a snapshot.

    Those that were counted otherwise at `as_of` come as the fact they were. Raises `ValueError` if there
    is no such cell, and `TooFarBack`.
    """
    changes: Mapping[str, tuple[Fact | None, Fact | None]] = {}
    if wanted.as_of:
        changes = await changed(tx, tenant, wanted.as_of)
    found = await drilling.records(
        tx, tenant, wanted.cell, wanted.since, wanted.until, after, limit, changes.keys()
    )
    once = [
        then
        for then, _ in changes.values()
        if then is not None
        and wanted.since <= then.at < wanted.until
        and (then.at, then.record) > after
        and holds(wanted.cell, then.cells)
    ]
    return sorted([*found, *once], key=place)[:limit]


def place(one: Found | Fact) -> Place:
    """Its place in the order of pages."""
    return (one.at if isinstance(one, Fact) else one.occurred_at, one.record)
