"""Count records: join their parts, and move every number by new minus old in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from voc_common.events import (
    ActivityIdentified,
    Attribution,
    Event,
    FeedbackClassified,
    RecordsErased,
    RecordsMoved,
)
from voc_common.postgres import Transaction
from voc_common.postgres.database import Retry

from voc_scorecard.domain.contributions import Delta
from voc_scorecard.domain.latest import NOBODY, joined
from voc_scorecard.domain.persons import Moves, count_new, recount
from voc_scorecard.handlers import hot_issues
from voc_scorecard.repository import counters, groups, journal, records
from voc_scorecard.repository.groups import Held, Kept, PersonKey
from voc_scorecard.repository.records import NO_DECISION, NO_REVISION, Change, Parts

_TOGETHER = 64
"""Persons whose records are read at once."""


async def feedback_classified(tx: Transaction, batch: Sequence[FeedbackClassified]) -> list[Event]:
    """Count feedback with all its parts; nothing follows."""
    parts = [Parts(e.tenant, e.record_id, e.revision, e.attribution, e.decision) for e in batch]
    await count(tx, await records.join(tx, parts))
    return []


class _Subscription(msgspec.Struct):
    """What is kept of an activity's attributes: the contracted revenue of a subscription."""

    mrr: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] | None = None
    currency: str | None = None


async def activity_identified(tx: Transaction, batch: Sequence[ActivityIdentified]) -> list[Event]:
    """Count activities; of their attributes only contracted revenue is kept."""
    parts: list[Parts] = []
    for e in batch:
        revenue = _revenue(e)
        parts.append(
            Parts(
                e.tenant,
                e.record_id,
                e.revision,
                e.attribution,
                NO_DECISION,
                revenue.mrr,
                revenue.currency,
            )
        )
    await count(tx, await records.join(tx, parts))
    return []


class _Body(msgspec.Struct):
    attributes: _Subscription = msgspec.field(default_factory=_Subscription)


_body = msgspec.json.Decoder(_Body).decode
_NO_REVENUE = _Subscription()


def _revenue(event: ActivityIdentified) -> _Subscription:
    if event.revision.kind != "subscription":
        return _NO_REVENUE
    try:
        return _body(event.body).attributes
    except msgspec.ValidationError:
        return _NO_REVENUE


async def records_moved(tx: Transaction, batch: Sequence[RecordsMoved]) -> list[Event]:
    """Move records to other persons, also before the records themselves arrive."""
    newest: dict[tuple[str, str], Parts] = {}
    for event in batch:
        for m in event.records:
            key = (event.tenant, m.record_id)
            if key not in newest or m.version > newest[key].attribution.version:
                whose = Attribution(m.version, m.person, m.account)
                newest[key] = Parts(*key, NO_REVISION, whose, NO_DECISION)
    await count(tx, await records.revise(tx, [newest[key] for key in sorted(newest)]))
    return []


async def records_erased(tx: Transaction, batch: Sequence[RecordsErased]) -> list[Event]:
    """Forget records for good: from every number, from the journal, also before they arrive."""
    gone = {(event.tenant, record) for event in batch for record in event.records}
    await count(tx, await records.erase(tx, gone))
    return []


async def count(tx: Transaction, changes: Iterable[Change]) -> None:
    """Move all counters by what the changes of record states mean, records and groups alike."""
    moved = [c for c in changes if c.old != c.new]
    if not moved:
        return
    delta = Delta()
    persons: dict[PersonKey, Moves] = defaultdict(Moves)
    for change in moved:
        tenant, old, new = change.tenant, change.old, change.new
        delta.record(tenant, old, new)
        if old is not None and old.person:
            persons[tenant, old.person].went.append(old)
        if new is not None and new.person:
            persons[tenant, new.person].came.append(new)
    kept = await _count_persons(tx, {key: persons[key] for key in sorted(persons)}, delta)
    tables = delta.moved()
    await counters.add(tx, tables, kept)
    await hot_issues.mark(tx, tables["pulse"])
    await journal.write(tx, [c for c in moved if c.old is not None])


async def _count_persons(
    tx: Transaction, persons: Mapping[PersonKey, Moves], delta: Delta
) -> list[Kept]:
    """Count these persons' records; returns where each is last now."""
    held = await groups.lock(tx, persons) if persons else {}
    if new := {key: moves for key, moves in persons.items() if key not in held}:
        held |= await _count_first(tx, new, delta)
    kept: list[Kept] = []
    others: list[PersonKey] = []
    # Read and stored one by one: what is known of a thousand persons at once would fill the processor's caches.
    for key, row in held.items():
        found = count_new(delta, key[0], persons[key], row.latest())
        if found is None:
            others.append(key)
        else:
            kept.append(groups.kept(row.place, found))
    # Some at a time: they may have any number of records.
    for begin in range(0, len(others), _TOGETHER):
        some = others[begin : begin + _TOGETHER]
        members = await groups.members(tx, some)
        for key in some:
            after = recount(delta, key[0], persons[key], members.get(key, []))
            known, moves = held[key].latest(), persons[key]
            if moves.went or known is None:
                found = joined(NOBODY, after)
            else:
                found = joined(known, moves.came)
            kept.append(groups.kept(held[key].place, found))
    return kept


async def _count_first(
    tx: Transaction, persons: Mapping[PersonKey, Moves], delta: Delta
) -> dict[PersonKey, Held]:
    """Count persons who have no row yet; returns the rows of those who are not counted by that."""
    first = Delta()
    latest = {key: count_new(first, key[0], moves, NOBODY) for key, moves in persons.items()}
    # Known ones are locked before these: two workers that make each other's deadlock, and one tries again.
    made = await groups.make(tx, latest)
    held = {key: Held(place, None) for key, place in made.items() if latest[key] is None}
    if len(made) < len(persons):
        # Others were made by another worker just now: they are not new.
        first = Delta()
        for key in made:
            count_new(first, key[0], persons[key], NOBODY)
        held |= await groups.lock(tx, [key for key in persons if key not in made])
        if len(held.keys() | made.keys()) < len(persons):
            raise Retry("the rows of persons went away")
    delta.include(first)
    return held
