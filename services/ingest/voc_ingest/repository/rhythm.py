"""Whose turn it is to do what one worker at a time does."""

from voc_common.postgres import Transaction


async def due(tx: Transaction, name: str, seconds: float) -> bool:
    """True for one worker every `seconds`, which then has the turn."""
    row = await tx.row(
        "update ingest.rhythm set due_at = now() + make_interval(secs => cast(:seconds as float8)) "
        "where name = (select name from ingest.rhythm where name = :name and due_at <= now() "
        "for update skip locked) returning name",
        name=name,
        seconds=seconds,
    )
    return row is not None


async def until(tx: Transaction, name: str) -> float:
    """Seconds until somebody has the turn."""
    row = await tx.row(
        "select cast(extract(epoch from due_at - clock_timestamp()) as float8) as seconds "
        "from ingest.rhythm where name = :name",
        name=name,
    )
    return row.seconds
