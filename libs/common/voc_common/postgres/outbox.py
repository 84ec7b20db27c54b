"""The outbox relay: what a transaction had to say is published at least once, in no promised order."""

from typing import Any

import msgspec

from voc_common.bus import Producer
from voc_common.postgres.database import Database
from voc_common.wire import Header, Outgoing

_headers = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


async def relay(database: Database, producer: Producer, limit: int = 500) -> int:
    """Publish up to `limit` rows and delete them; returns how many. Several relays never take the same row.

    A failure between the acknowledgement and the commit publishes again: versions make that harmless.
    """
    schema = database.schema
    if not await database.glance(f"select exists (select from {schema}.outbox)"):
        return 0
    async with database.transaction() as tx:
        rows = await tx.rows(
            f"select id, topic, key, value, headers from {schema}.outbox order by id limit :limit "
            "for update skip locked",
            limit=limit,
        )
        if not rows:
            return 0
        await producer.publish([_message(r) for r in rows])
        await tx.run(
            f"delete from {schema}.outbox where id = any(cast(:ids as bigint[]))",
            ids=[r.id for r in rows],
        )
    return len(rows)


def _message(row: Any) -> Outgoing:
    headers: list[Header] = _headers(row.headers)
    return Outgoing(row.topic, row.key, row.value, headers)


async def age(database: Database) -> float:
    """Seconds that the oldest outbox row has waited; 0 when there is none."""
    async with database.transaction() as tx:
        row = await tx.row(
            f"select coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as age from {database.schema}.outbox"
        )
    return row.age if row else 0.0
