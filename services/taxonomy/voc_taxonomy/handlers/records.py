"""Records as they come: decide what they are about, keep the greater part, pass them on."""

import time
from collections.abc import Collection, Sequence
from hashlib import blake2b

import msgspec
from voc_common import versions
from voc_common.events import (
    Attribution,
    Body,
    Cause,
    Decision,
    Event,
    FeedbackClassified,
    FeedbackIdentified,
    RecordsErased,
    RecordsMoved,
    Revision,
)
from voc_common.postgres import Transaction

from voc_taxonomy.handlers.models import Models
from voc_taxonomy.repository import catalogue
from voc_taxonomy.repository import records as repository
from voc_taxonomy.repository.records import Correction, RecordKey, Row

_body = msgspec.json.Decoder(Body).decode
_encode = msgspec.msgpack.Encoder().encode
_revision = msgspec.msgpack.Decoder(Revision).decode
_attribution = msgspec.msgpack.Decoder(Attribution).decode
_decision = msgspec.msgpack.Decoder(Decision).decode


def clock() -> int:
    """Now, in microseconds: the stamp of a decision, stored before it is published."""
    return time.time_ns() // 1000


def text_hash(text: str) -> bytes:
    """What a correction speaks of: the text, not the revision it came in."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


async def feedback_identified(
    tx: Transaction, batch: Sequence[FeedbackIdentified], models: Models
) -> list[Event]:
    """Feedback with its causes, stage, severity and sentiment.

    A revision is decided on when it is newer than the one that stands; what is read again keeps its
    decision. A person's correction of the same text outranks the model, also in a later revision.
    """
    keys = [(e.tenant, e.record_id) for e in batch]
    seen = await repository.standing(tx, keys)
    deciding = {key: e for key, e in zip(keys, batch, strict=True) if _is_newer(e, seen.get(key))}
    decided = await _decided(tx, deciding.values(), models)
    revised = deciding.keys() & seen
    known = [_row(e) for key, e in zip(keys, batch, strict=True) if key not in deciding]
    await repository.join(tx, known + [decided[key][0] for key in revised])
    outranked = await repository.add(tx, [decided[k][0] for k in deciding if k not in revised])
    await _correct(tx, revised | outranked, models)
    # What was there before, or has been corrected, is read as it stands now.
    stands = deciding.keys() - revised - outranked
    others = [key for key in keys if key not in stands]
    now = await repository.rows(tx, others)
    found: list[Event] = []
    for key, e in zip(keys, batch, strict=True):
        if key in stands:
            found.append(_as_arrived(e, decided[key][1]))
        elif not (row := now[key]).erased and row.rev_version == e.revision.version:
            found.append(classified(row))
    return found


def _is_newer(event: FeedbackIdentified, standing: tuple[str, bool] | None) -> bool:
    if standing is None:
        return True
    version, erased = standing
    return not erased and event.revision.version > version


def _row(event: FeedbackIdentified) -> Row:
    """The attribution of an event whose revision is known already."""
    return Row(
        tenant=event.tenant,
        record_id=event.record_id,
        att_version=event.attribution.version,
        attribution=_encode(event.attribution),
    )


async def _decided(
    tx: Transaction, events: Collection[FeedbackIdentified], models: Models
) -> dict[RecordKey, tuple[Row, Decision]]:
    """The rows of events as the model decides on them, each with its decision."""
    found: dict[RecordKey, tuple[Row, Decision]] = {}
    if not events:
        return found
    now = clock()
    for tenant, model in (await models.active(tx, {e.tenant for e in events})).items():
        mine = [e for e in events if e.tenant == tenant]
        texts = [_body(e.body).text for e in mine]
        decisions = model.decide(texts, [e.revision.version for e in mine], now)
        for event, text, decision in zip(mine, texts, decisions, strict=True):
            whose = event.attribution
            row = Row(
                tenant,
                event.record_id,
                event.revision.version,
                _encode(event.revision),
                text,
                text_hash(text),
                whose.version,
                _encode(whose),
                decision.version,
                _encode(decision),
            )
            found[tenant, event.record_id] = row, decision
    return found


async def _correct(tx: Transaction, keys: Collection[RecordKey], models: Models) -> None:
    """Let corrections outrank the model.

    Read in a new statement after the rows are locked by the join: a correction that was being made
    meanwhile has either been committed and is seen here, or waits for us and sees our row.
    """
    if not keys:
        return
    latest = {(c.tenant, c.record_id): c for c in await repository.corrections(tx, keys)}
    if latest:
        rows = await repository.rows(tx, latest)
        await repository.join(
            tx, [await corrected(tx, rows[k], c, models) for k, c in latest.items()]
        )


async def corrected(tx: Transaction, row: Row, correction: Correction, models: Models) -> Row:
    """The decision part of a record as a person said it, at the rank of a correction."""
    generation = await catalogue.generation(tx)
    before = _decision(row.decision)
    version = versions.decision(
        generation, row.rev_version, correction.sequence, int(row.dec_version[-8:], 16)
    )
    stage = await models.stage_of(tx, row.tenant, before.taxonomy, correction.causes)
    decision = msgspec.structs.replace(
        before,
        version=version,
        causes=tuple(Cause(c, 1.0) for c in correction.causes),
        stage=stage,
        human=True,
        decided_at=int(correction.made_at.timestamp() * 1_000_000),
    )
    return Row(
        tenant=row.tenant, record_id=row.record_id, dec_version=version, decision=_encode(decision)
    )


def _as_arrived(event: FeedbackIdentified, decision: Decision) -> FeedbackClassified:
    """The projection of a record that stands as an event told of it."""
    return FeedbackClassified(
        tenant=event.tenant,
        record_id=event.record_id,
        revision=event.revision,
        attribution=event.attribution,
        decision=decision,
    )


def classified(row: Row) -> FeedbackClassified:
    """The projection of a record as it stands."""
    return FeedbackClassified(
        tenant=row.tenant,
        record_id=row.record_id,
        revision=_revision(row.revision),
        attribution=_attribution(row.attribution),
        decision=_decision(row.decision),
    )


async def records_moved(
    tx: Transaction, batch: Sequence[RecordsMoved], models: Models
) -> list[Event]:
    """Keep the newer attribution, also before the record arrives; later services hear it themselves."""
    del models
    newest: dict[RecordKey, Row] = {}
    for event in batch:
        for m in event.records:
            whose = Attribution(m.version, m.person, m.account, event.decided_at, event.reason)
            row = Row(
                tenant=event.tenant,
                record_id=m.record_id,
                att_version=m.version,
                attribution=_encode(whose),
            )
            known = newest.get(row.key)
            if known is None or known.att_version < row.att_version:
                newest[row.key] = row
    await repository.join(tx, list(newest.values()))
    return []


async def records_erased(
    tx: Transaction, batch: Sequence[RecordsErased], models: Models
) -> list[Event]:
    """Forget records and what was said of them, also before they arrive."""
    del models
    await repository.erase(tx, {(event.tenant, r) for event in batch for r in event.records})
    return []
