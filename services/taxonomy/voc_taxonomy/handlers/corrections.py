"""What people read and say of single records: the text with the decision and its words, and corrections."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import Decision
from voc_common.postgres import Transaction

from voc_taxonomy.domain.decisions import Verdict
from voc_taxonomy.handlers.catalogue import NotThere
from voc_taxonomy.handlers.models import Models
from voc_taxonomy.handlers.records import classified, corrected
from voc_taxonomy.repository import catalogue
from voc_taxonomy.repository import records as repository

_decision = msgspec.msgpack.Decoder(Decision).decode


class UnknownCause(ValueError):
    """A correction names a cause that the taxonomy does not have; the message names it."""


class Seen(Struct, frozen=True):
    """A record's text, its decision, and what the active model says of it now, with the words that decided."""

    record_id: str
    text: str
    decision: Decision
    verdict: Verdict


async def look(tx: Transaction, tenant: str, record_id: str, models: Models) -> Seen:
    """A record; raises `NotThere`, also where it has been erased or is not yet decided on."""
    row = (await repository.rows(tx, [(tenant, record_id)])).get((tenant, record_id))
    if row is None or row.erased or not row.decision:
        raise NotThere(f"record {record_id}")
    active = (await models.active(tx, {tenant}))[tenant]
    return Seen(record_id, row.text, _decision(row.decision), active.verdicts([row.text])[0])


async def correct(
    tx: Transaction,
    tenant: str,
    record_id: str,
    causes: Sequence[str],
    reason: str,
    by: str,
    models: Models,
) -> Decision:
    """Say what a record is about; no cause says that it is about nothing of the taxonomy.

    Travels on as a new version of the decision. It speaks of the text that the record has now.
    """
    key = (tenant, record_id)
    row = (await repository.rows(tx, [key], lock=True)).get(key)
    if row is None or row.erased or not row.decision:
        raise NotThere(f"record {record_id}")
    taxonomy = await models.taxonomy(tx, tenant, await catalogue.newest(tx, tenant))
    strange = [c for c in causes if c not in taxonomy.by_id]
    if strange:
        raise UnknownCause(f"the taxonomy has no cause {strange[0]!r}; see GET /v1/taxonomy")
    correction = await repository.add_correction(tx, row, list(dict.fromkeys(causes)), reason, by)
    await repository.join(tx, [await corrected(tx, row, correction, models)])
    now = (await repository.rows(tx, [key]))[key]
    tx.emit([classified(now)])
    return _decision(now.decision)


async def history(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Corrections, newest first."""
    return await repository.correction_page(tx, tenant, before, limit)


async def try_out(
    tx: Transaction, tenant: str, texts: Sequence[str], models: Models
) -> list[Verdict]:
    """What the active model says of texts, without keeping them."""
    return (await models.active(tx, {tenant}))[tenant].verdicts(texts)
