"""What people say of persons: merge, split, undo, erase. Records are never rewritten, so all of it can be undone but erasure."""

from collections.abc import Collection, Sequence

from msgspec import Struct
from voc_common.events import RecordsErased
from voc_common.postgres import Transaction

from voc_identity import repository
from voc_identity.handlers.found import Intent
from voc_identity.handlers.recluster import Outcome, recluster
from voc_identity.handlers.records import clock, moved, rules_of
from voc_identity.repository import RecordKey, Row
from voc_identity.settings import IdentitySettings

_CHUNK = 500
_MAX_PERSON = 100_000


class NotThere(LookupError):
    """No such person, record or edge; the message names it."""


class NotPossible(ValueError):
    """The command makes no sense for these persons; the message says why."""


class Said(Struct, frozen=True):
    """A manual edge and what it did: the persons that its records belong to now."""

    edge: int
    persons: list[str]
    moved: int


async def current_person(tx: Transaction, tenant: str, person: str) -> str:
    """The person that this id names now; a former id names the person its record belongs to.

    Raises `NotThere`; an erased record names nobody.
    """
    row = (await repository.rows(tx, [(tenant, person)])).get((tenant, person))
    if row is None or row.erased or not row.person:
        raise NotThere(f"person {person}")
    return row.person


async def merge(
    tx: Transaction,
    tenant: str,
    persons: Sequence[str],
    reason: str,
    by: str,
    settings: IdentitySettings,
) -> Said:
    """Say that two persons are one. It holds until it is undone, or a later split contradicts it."""
    now = [await current_person(tx, tenant, p) for p in persons]
    if len(set(now)) < 2:
        raise NotPossible("they are one person already")
    # With the record that was named: the rest of its person may be moving to another id just now.
    left, right = [
        sorted(
            {named, *(r.record_id for r in await repository.records_of(tx, tenant, p, _MAX_PERSON))}
        )
        for named, p in zip(persons, now, strict=True)
    ]
    edge = await repository.add_edge(tx, tenant, "must", left, right, reason, by)
    return await _said(tx, tenant, edge, now, "merge", settings)


async def split(
    tx: Transaction,
    tenant: str,
    person: str,
    records: Sequence[str],
    reason: str,
    by: str,
    settings: IdentitySettings,
) -> Said:
    """Say that some records of a person are somebody else's. Later records never bring the two together."""
    now = await current_person(tx, tenant, person)
    mine = {r.record_id for r in await repository.records_of(tx, tenant, now, _MAX_PERSON)}
    left = sorted(set(records))
    strange = [r for r in left if r not in mine]
    if strange:
        raise NotThere(f"record {strange[0]} of person {now}")
    right = sorted(mine - set(left))
    if not right:
        raise NotPossible(
            "these are all records of the person; name those that are somebody else's"
        )
    edge = await repository.add_edge(tx, tenant, "cut", left, right, reason, by)
    return await _said(tx, tenant, edge, [left[0], right[0]], "split", settings)


async def undo(
    tx: Transaction, tenant: str, edge: int, by: str, settings: IdentitySettings
) -> Said:
    """Take back a merge or a split, as if it had never been said."""
    found = await repository.retract_edge(tx, tenant, edge, by)
    if found is None:
        raise NotThere(f"merge or split {edge}")
    named = [*found.left_records, *found.right_records]
    return await _said(tx, tenant, edge, named, f"undo {found.kind}", settings)


async def _said(
    tx: Transaction,
    tenant: str,
    edge: int,
    records: Collection[str],
    reason: str,
    settings: IdentitySettings,
) -> Said:
    anchors: list[RecordKey] = [(tenant, r) for r in records]
    outcome = await recluster(tx, {}, rules_of(settings), clock(), anchors=anchors)
    generation = await repository.generation(tx)
    tx.emit(moved(outcome.moved, generation, reason))
    rows = await repository.rows(tx, anchors)
    persons = sorted({r.person for r in rows.values() if r.person and not r.erased})
    return Said(edge, persons, len(outcome.moved))


async def erase_person(
    tx: Transaction, tenant: str, person: str, reason: str, settings: IdentitySettings
) -> list[str]:
    """Forget all records of a person, here and in every other service, for good; returns their ids."""
    now = await current_person(tx, tenant, person)
    erased: list[str] = []
    while True:
        # A record that joins the person while the others are being erased is erased in the next round.
        rows = await repository.records_of(tx, tenant, now, _MAX_PERSON)
        if not rows:
            return erased
        ids = [r.record_id for r in rows]
        await erase_records(tx, tenant, ids, reason, settings)
        erased += ids


async def erase_records(
    tx: Transaction, tenant: str, records: Collection[str], reason: str, settings: IdentitySettings
) -> list[Row]:
    """Forget records; what is left of their persons is as if they had never been. Also before they arrive."""
    intents: dict[RecordKey, Intent] = {(tenant, r): Intent() for r in records}
    outcome: Outcome = await recluster(tx, intents, rules_of(settings), clock())
    generation = await repository.generation(tx)
    tx.emit(moved(outcome.moved, generation, "erase"))
    ids = sorted(records)
    tx.emit(
        RecordsErased(
            tenant=tenant, records=tuple(ids[i : i + _CHUNK]), decided_at=clock(), reason=reason
        )
        for i in range(0, len(ids), _CHUNK)
    )
    return list(outcome.rows.values())
