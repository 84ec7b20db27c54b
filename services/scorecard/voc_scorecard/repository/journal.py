"""The journal: one row per correction of a counted record, with its fact before and after and the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, numbers, texts, unnest

from voc_scorecard.domain.facts import Fact
from voc_scorecard.repository.records import Change, columns, read_fact

_RECORD = {"tenant": "text", "record_id": "text"}
_COLUMNS = _RECORD | {"reason": "text", "happened_at": "bigint", "old": "jsonb", "new": "jsonb"}
_WRITE = (
    "insert into scorecard.journal (tenant, record_id, reason, happened_at, old, new, recorded_at) "
    "select tenant, record_id, reason, happened_at, cast(old as jsonb), cast(new as jsonb), "
    f"(select cast(extract(epoch from now()) * 1000000 as bigint)) from {unnest(_COLUMNS)}"
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fact).decode


async def write(tx: Transaction, corrections: Sequence[Change]) -> None:
    """Append corrections; of an erased record nothing stays but that it was erased, and when it happened."""
    if not corrections:
        return
    erased = [c for c in corrections if c.reason == "erased"]
    if erased:
        await tx.run(
            f"delete from scorecard.journal where (tenant, record_id) in (select * from {unnest(_RECORD)})",
            tenant=texts([c.tenant for c in erased]),
            record_id=texts([c.record for c in erased]),
        )
    olds = [None if c.reason == "erased" else c.old for c in corrections]
    await tx.run(
        _WRITE,
        tenant=texts([c.tenant for c in corrections]),
        record_id=texts([c.record for c in corrections]),
        reason=texts([c.reason for c in corrections]),
        happened_at=numbers([c.old.at if c.old else 0 for c in corrections]),
        old=texts([_encode(f).decode() if f else None for f in olds]),
        new=texts([_encode(c.new).decode() if c.new else None for c in corrections]),
    )


async def reasons(
    tx: Transaction, tenant: str, since: int, until: int, after: int
) -> dict[str, int]:
    """How many facts of [since, until) were corrected `after` a moment, by reason (times in microseconds)."""
    rows = await tx.rows(
        "select reason, count(*) as n from scorecard.journal where tenant = :tenant "
        "and happened_at >= :since and happened_at < :until and recorded_at >= :after "
        "group by reason order by reason",
        tenant=tenant,
        since=since,
        until=until,
        after=after,
    )
    return {row.reason: row.n for row in rows}


async def rebuilt_at(tx: Transaction, tenant: str) -> int:
    """When the tenant's derived rows were last emptied; 0 if never."""
    row = await tx.row("select at from scorecard.rebuilt where tenant = :tenant", tenant=tenant)
    return row.at if row else 0


async def changes_since(
    tx: Transaction, tenant: str, as_of: int, most: int
) -> Mapping[str, tuple[Fact | None, Fact | None]] | None:
    """Facts of a tenant that were others at `as_of`: record -> (then, now); None if more than `most`.

    Erased records are not brought back: they are in neither.
    """
    corrected: Any = await tx.rows(
        "select distinct on (record_id) record_id, cast(old as text) from scorecard.journal "
        "where tenant = :tenant and recorded_at > :as_of order by record_id, id limit :most + 1",
        tenant=tenant,
        as_of=as_of,
        most=most,
    )
    later: Any = await tx.rows(
        f"select {columns('r')} from scorecard.record r where r.tenant = :tenant "
        "and r.rev_version <> '' and r.counted_at > :as_of limit :most + 1",
        tenant=tenant,
        as_of=as_of,
        most=most,
    )
    if len(corrected) + len(later) > most:
        return None
    now: Any = await tx.rows(
        f"select {columns('r')} from scorecard.record r where r.tenant = :tenant "
        f"and r.rev_version <> '' and r.record_id = any({array('records', 'text')})",
        tenant=tenant,
        records=texts([record for record, _ in corrected]),
    )
    current = {values[0]: read_fact(values) for values in (*now, *later)}
    new = {values[0] for values in later}
    found: dict[str, tuple[Fact | None, Fact | None]] = {
        record: (_decode(old) if old and record not in new else None, current.get(record))
        for record, old in corrected
    }
    for record in new - found.keys():
        found[record] = (None, current[record])
    return found
