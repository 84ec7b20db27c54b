"""Dead letters: what could not be handled is kept with its reason, browsable, and replayable after a fix."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from voc_common.bus import Message
from voc_common.postgres.database import Transaction
from voc_common.wire import Header, Outgoing

OPERATOR = "-"
"""The tenant of a dead letter whose own tenant cannot be read."""

_headers = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class DeadLetter(Struct, frozen=True):
    """A message that was refused."""

    id: str
    tenant: str
    topic: str
    type: str
    reason: str
    message: Message


def dead_letter(message: Message, tenant: str, reason: str) -> DeadLetter:
    """Its id is a hash of what came, so that reading it again adds none."""
    kind = dict(message.headers).get("ce_type", b"")
    digest = blake2b(digest_size=16)
    for part in (message.topic.encode(), kind, message.key, message.value):
        digest.update(len(part).to_bytes(4, "big") + part)
    clean = reason.replace("\x00", "\\0").encode("utf-8", "replace").decode()[:2000]
    tidy = kind.decode("utf-8", "replace").replace("\x00", "\\0")[:200]
    return DeadLetter(digest.hexdigest(), tenant, message.topic, tidy, clean, message)


async def bury(tx: Transaction, schema: str, letters: Sequence[DeadLetter]) -> int:
    """Store dead letters; returns how many are new."""
    if not letters:
        return 0
    ordered = sorted({d.id: d for d in letters}.values(), key=lambda d: d.id)
    return await tx.run(
        f"insert into {schema}.dead_letter (id, tenant, topic, type, reason, key, value, headers) "
        "select * from unnest(cast(:ids as text[]), cast(:tenants as text[]), cast(:topics as text[]), "
        "cast(:types as text[]), cast(:reasons as text[]), cast(:keys as bytea[]), "
        "cast(:values as bytea[]), cast(:headers as bytea[])) "
        "on conflict (id) do nothing",
        ids=[d.id for d in ordered],
        tenants=[d.tenant for d in ordered],
        topics=[d.topic for d in ordered],
        types=[d.type for d in ordered],
        reasons=[d.reason for d in ordered],
        keys=[d.message.key for d in ordered],
        values=[d.message.value for d in ordered],
        headers=[msgspec.msgpack.encode(list(d.message.headers)) for d in ordered],
    )


async def page(tx: Transaction, schema: str, tenant: str, after: str, limit: int) -> Sequence[Any]:
    """Dead letters of a tenant, oldest first after a cursor `created_at|id`."""
    at, _, ident = after.partition("|")
    return await tx.rows(
        f"select id, topic, type, reason, created_at, replayed_at, octet_length(value) as bytes, "
        f"left(encode(value, 'escape'), 500) as start from {schema}.dead_letter "
        "where tenant = :tenant and (created_at, id) > (cast(cast(:at as text) as timestamptz), :ident) "
        "order by created_at, id limit :limit",
        tenant=tenant,
        at=at or "-infinity",
        ident=ident,
        limit=limit,
    )


async def replay(tx: Transaction, schema: str, tenant: str, ids: Sequence[str]) -> int:
    """Send dead letters to their topics again, through the outbox; returns how many."""
    rows = await tx.rows(
        f"update {schema}.dead_letter set replayed_at = now() where tenant = :tenant "
        "and id = any(cast(:ids as text[])) returning topic, key, value, headers",
        tenant=tenant,
        ids=list(ids),
    )
    tx.emit_raw(_again(r) for r in rows)
    return len(rows)


async def expire(tx: Transaction, schema: str, days: float) -> int:
    """Delete dead letters older than so many days; returns how many. They may hold personal data."""
    return await tx.run(
        f"delete from {schema}.dead_letter where created_at < now() - make_interval(secs => :seconds)",
        seconds=days * 86_400,
    )


def _again(row: Any) -> Outgoing:
    headers: list[Header] = _headers(row.headers)
    return Outgoing(row.topic, row.key, row.value, headers)
