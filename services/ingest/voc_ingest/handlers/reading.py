"""Look a record up in the archive."""

from collections.abc import Sequence

from msgspec import Struct
from voc_common.postgres import Database

from voc_ingest.repository import records
from voc_ingest.repository.records import Told


class NoRecord(LookupError):
    """There is no such record."""


class Seen(Struct, frozen=True):
    """A record: its greatest revision, and a page of what was told of it, latest receipt first."""

    revision: str
    erased: bool
    revisions: Sequence[Told]


async def record(database: Database, tenant: str, record_id: str, before: int, limit: int) -> Seen:
    """A record with its revisions received before a time (us); raises `NoRecord`."""
    async with database.transaction(tenant) as tx:
        found = (await records.latest(tx, tenant, [record_id])).get(record_id)
        if found is None:
            raise NoRecord(record_id)
        told = await records.revisions_of(tx, tenant, record_id, before, limit)
    return Seen(found.revision, found.erased, told)
