"""Records as they come: read their identifiers, give them a person, pass them on."""

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from voc_common import versions
from voc_common.events import (
    ActivityIdentified,
    ActivityReceived,
    Attribution,
    Event,
    FeedbackIdentified,
    FeedbackReceived,
    Identifier,
    Moved,
    RecordsMoved,
    TenantConfigured,
)
from voc_common.postgres import Transaction

from voc_identity import repository
from voc_identity.domain.normalise import KeyRules, key_rules, normalise
from voc_identity.domain.records import Rules, atom_of, profile_of
from voc_identity.handlers.found import Intent, Told
from voc_identity.handlers.recluster import recluster
from voc_identity.repository import Row
from voc_identity.settings import IdentitySettings

_CHUNK = 500
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Identifier, ...]).decode


@lru_cache(maxsize=1024)
def _key_rules(secret: bytes, region: str, blocked: tuple[str, ...]) -> KeyRules:
    return key_rules(secret, region, blocked)


@lru_cache(maxsize=1 << 15)
def _told(identifiers: bytes, read: KeyRules) -> Told:
    """What encoded identifiers come to: most records repeat those of another. About a kilobyte each."""
    atom = normalise(_decode(identifiers), read).record("")
    stored = atom_of(atom)
    return Told(atom, stored, profile_of(atom, stored))


def rules_of(settings: IdentitySettings) -> Rules:
    """The rules of clustering."""
    return Rules(generic_names=settings.generic_names, generic_ids=settings.generic_names)


def clock() -> int:
    """Now, in microseconds: the stamp of a decision, stored before it is published."""
    return time.time_ns() // 1000


async def feedback_received(
    tx: Transaction, batch: Sequence[FeedbackReceived], settings: IdentitySettings
) -> list[Event]:
    """Feedback with its person and account."""
    return await _received(tx, batch, settings, FeedbackIdentified)


async def activity_received(
    tx: Transaction, batch: Sequence[ActivityReceived], settings: IdentitySettings
) -> list[Event]:
    """Activities with their person and account."""
    return await _received(tx, batch, settings, ActivityIdentified)


async def _received(
    tx: Transaction,
    batch: Sequence[FeedbackReceived | ActivityReceived],
    settings: IdentitySettings,
    projection: type[FeedbackIdentified | ActivityIdentified],
) -> list[Event]:
    found = await repository.rules(tx, {e.tenant for e in batch})
    read = {t: _key_rules(r.secret, settings.region, r.blocked) for t, r in found.items()}
    intents = {(e.tenant, e.record_id): _intent(e, read[e.tenant]) for e in batch}
    outcome = await recluster(tx, intents, rules_of(settings), clock())
    generation = max(r.generation for r in found.values())
    tx.emit(moved(outcome.moved, generation, "link"))
    return [
        projection(
            tenant=event.tenant,
            record_id=event.record_id,
            revision=event.revision,
            attribution=attribution(row, generation),
            body=event.body,
        )
        for event in batch
        if not (row := outcome.rows[event.tenant, event.record_id]).erased
        and row.rev_version == event.revision.version
    ]


def _intent(event: FeedbackReceived | ActivityReceived, read: KeyRules) -> Intent:
    identifiers = _encode(event.identifiers)
    return Intent(_told(identifiers, read), identifiers, event.revision)


def attribution(row: Row, generation: int) -> Attribution:
    """The attribution of a record as it stands."""
    return Attribution(
        version=versions.attribution(generation, row.counter),
        person=row.person,
        account=row.account,
        decided_at=row.decided_at,
    )


def moved(rows: Iterable[Row], generation: int, reason: str) -> list[RecordsMoved]:
    """Events that tell of records which changed person or account, by tenant, in chunks."""
    by_tenant: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: r.key):
        by_tenant.setdefault(row.tenant, []).append(row)
    return [
        RecordsMoved(
            tenant=tenant,
            records=tuple(
                Moved(r.record_id, versions.attribution(generation, r.counter), r.person, r.account)
                for r in found[start : start + _CHUNK]
            ),
            decided_at=max(r.decided_at for r in found),
            reason=reason,
        )
        for tenant, found in by_tenant.items()
        for start in range(0, len(found), _CHUNK)
    ]


async def tenant_configured(
    tx: Transaction,
    batch: Sequence[TenantConfigured],
    settings: IdentitySettings,
) -> list[Event]:
    """Take over blocked values; a job then reads the tenant's records anew."""
    del settings
    for event in sorted(batch, key=lambda e: (e.tenant, e.version)):
        await repository.configure(tx, event.tenant, event.version, event.blocked)
    return []


async def reread(tx: Transaction, settings: IdentitySettings, limit: int = 500) -> bool:
    """Read the next records of a tenant whose rules changed; False when there is nothing to do."""
    due: Any = await repository.next_to_reread(tx, limit)
    if due is None:
        return False
    tenant, rows = due
    found = (await repository.rules(tx, [tenant]))[tenant]
    read = _key_rules(found.secret, settings.region, found.blocked)
    intents = {r.key: Intent(_told(r.identifiers, read), r.identifiers) for r in rows}
    outcome = await recluster(tx, intents, rules_of(settings), clock())
    tx.emit(moved(outcome.moved, found.generation, "rules"))
    await repository.reread_until(
        tx, tenant, found.rules, max((r.record_id for r in rows), default="")
    )
    return True
