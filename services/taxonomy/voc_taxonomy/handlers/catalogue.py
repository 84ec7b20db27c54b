"""Taxonomies and models: write a draft, publish it with a model of its own, train, choose which model decides."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import Event, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Transaction

from voc_taxonomy import models as files
from voc_taxonomy.domain.examples import Row, heirs, taught_by
from voc_taxonomy.domain.model import UNKNOWN, Report, unpack
from voc_taxonomy.domain.training import NotTrainable, train
from voc_taxonomy.domain.tree import Changes, Taxonomy, diff, published, validate
from voc_taxonomy.handlers.models import STARTER_VERSION, Models, starter
from voc_taxonomy.handlers.records import clock
from voc_taxonomy.repository import catalogue, records

_taxonomy = msgspec.json.Decoder(Taxonomy).decode
_encode = msgspec.json.Encoder().encode
_SYSTEM = "voc"
MAX_LESSONS = 20_000
"""Corrections that a training takes in."""


class NotThere(LookupError):
    """No such version, draft or model; the message names it."""


class Superseded(ValueError):
    """Somebody else was faster; the message says what to do."""


class Trained(Struct, frozen=True):
    """A model that was stored: its place in the tenant's order, its hash, what training measured."""

    sequence: int
    model: str
    report: Report


async def tenant_configured(
    tx: Transaction, batch: Sequence[TenantConfigured], models: Models
) -> list[Event]:
    """Give a new tenant the starter taxonomy as its first version."""
    del models
    for tenant in sorted({e.tenant for e in batch}):
        document = _encode(starter())
        if await catalogue.publish(tx, tenant, STARTER_VERSION, document, _SYSTEM, _SYSTEM):
            tx.emit([_told(tenant, starter())])
    return []


def _told(tenant: str, taxonomy: Taxonomy) -> TaxonomyPublished:
    return TaxonomyPublished(
        tenant=tenant, version=taxonomy.version, nodes=published(taxonomy), published_at=clock()
    )


async def read(tx: Transaction, tenant: str, version: int | None) -> tuple[Any, Taxonomy]:
    """A version (0: the draft, None: the newest) with who made it; raises `NotThere`."""
    wanted = await catalogue.newest(tx, tenant) if version is None else version
    row = await catalogue.taxonomy(tx, tenant, wanted)
    if row is None:
        raise NotThere("draft" if wanted == 0 and version == 0 else f"taxonomy version {wanted}")
    return row, _taxonomy(row.document)


async def put_draft(tx: Transaction, tenant: str, draft: Taxonomy, by: str) -> Changes:
    """Write the draft; returns what it changes in the newest version. Raises `InvalidTaxonomy`."""
    draft = msgspec.structs.replace(validate(draft), version=0)
    await catalogue.put_draft(tx, tenant, _encode(draft), by)
    newest = await catalogue.newest(tx, tenant)
    before = (await read(tx, tenant, newest))[1] if newest else Taxonomy(())
    return diff(before, draft)


async def publish(tx: Transaction, tenant: str, by: str) -> Taxonomy:
    """Publish the draft as the next version; later services hear of it. Raises `NotThere`, `Superseded`."""
    row, draft = await read(tx, tenant, 0)
    version = await catalogue.newest(tx, tenant) + 1
    taxonomy = msgspec.structs.replace(validate(draft), version=version)
    if not await catalogue.publish(tx, tenant, version, _encode(taxonomy), row.made_by, by):
        raise Superseded(
            f"version {version} has just been published by somebody else; look at it and publish again"
        )
    tx.emit([_told(tenant, taxonomy)])
    return taxonomy


async def trained(taxonomy: Taxonomy, rows: Sequence[Row]) -> tuple[bytes, Report] | None:
    """A model of what the taxonomy teaches and of these rows; None if there is too little to learn from.

    Takes seconds for a thousand rows, on a thread of its own.
    """
    taught = taught_by(taxonomy) + heirs(taxonomy, rows)
    try:
        model, data = await asyncio.to_thread(train, taught, taxonomy, files.vectors())
    except NotTrainable:
        return None
    return data, model.card.report


async def lessons(tx: Transaction, tenant: str) -> list[Row]:
    """What people taught by correcting: texts with their cause."""
    found = await records.corrected_texts(tx, tenant, MAX_LESSONS)
    return [Row(r.causes[0] if r.causes else UNKNOWN, r.text) for r in found if r.text]


async def add_model(
    tx: Transaction, tenant: str, data: bytes, by: str, *, activate: bool
) -> Trained:
    """Store a model, and let it decide if `activate`. Raises `InvalidModel`, `NotThere`."""
    model = unpack(data)
    version = model.card.taxonomy
    if await catalogue.taxonomy(tx, tenant, version) is None or version == 0:
        raise NotThere(f"published taxonomy version {version}, which the model was trained for")
    report = _encode(model.card.report).decode()
    sequence = await catalogue.add_model(tx, tenant, model.id, version, data, report, by)
    if activate:
        await catalogue.activate(tx, tenant, sequence, by)
    return Trained(sequence, model.id, model.card.report)


async def activate(tx: Transaction, tenant: str, sequence: int, by: str) -> None:
    """Let a model decide on what comes from now on; an earlier one undoes a later. Raises `NotThere`."""
    if not await catalogue.activate(tx, tenant, sequence, by):
        raise NotThere(f"model {sequence}")


async def taxonomies(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Published versions, newest first."""
    return await catalogue.taxonomies(tx, tenant, before, limit)


async def models_of(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Trained models, newest first."""
    return await catalogue.models(tx, tenant, before, limit)


async def artifact(tx: Transaction, tenant: str, sequence: int) -> bytes:
    """The bytes of a model; raises `NotThere`."""
    row = await catalogue.artifact(tx, tenant, sequence)
    if row is None:
        raise NotThere(f"model {sequence}")
    return row.artifact
