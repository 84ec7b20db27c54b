"""Bytes that an installation keeps: in the topics of the broker and in the schemas of the database."""

from reader import reader
from voc_local.ground import Ground

_SCHEMAS = (
    "select n.nspname as schema, sum(pg_total_relation_size(c.oid)) as bytes from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace "
    "where c.relkind in ('r', 'm') and n.nspname !~ '^(pg_|information_schema)' group by 1"
)


def on_the_bus(place: Ground) -> dict[str, int]:
    """Bytes of the logs of each topic of voc, one copy of each."""
    assert place.kafka_server is not None
    found: dict[str, int] = {}
    for log in (place.kafka_server.folder / "data").glob("voc.*/*.log"):
        topic = log.parent.name.rpartition("-")[0]
        found[topic] = found.get(topic, 0) + log.stat().st_size
    return found


async def in_the_database(place: Ground) -> dict[str, int]:
    """Bytes of each schema's tables with their indexes, and of all changes ever written ahead (`wal`)."""
    async with reader(place.database_url) as connection:
        rows = await connection.rows(_SCHEMAS)
        wal = await connection.value("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
    return {row["schema"]: int(row["bytes"]) for row in rows} | {"wal": int(wal)}


def grown(before: dict[str, int], after: dict[str, int], events: int) -> dict[str, int]:
    """Bytes an event by name, without what has not grown."""
    each = {n: round((size - before.get(n, 0)) / events) for n, size in after.items()}
    return {name: size for name, size in sorted(each.items()) if size > 0}
