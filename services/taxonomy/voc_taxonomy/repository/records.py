"""Records with their decisions, and what people corrected."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from msgspec import Struct
from voc_common.postgres import Transaction, taken_as_new
from voc_common.postgres.arrays import array, texts, unnest
from voc_common.postgres.keys import KEYS, NAMES, by_tenant

RecordKey = tuple[str, str]
"""Tenant and record id."""


class Row(Struct, frozen=True, gc=False):
    """A record with its three parts, each with its version; emptied once erased."""

    tenant: str
    record_id: str
    rev_version: str = ""
    revision: bytes = b""
    text: str = ""
    text_hash: bytes = b""
    att_version: str = ""
    attribution: bytes = b""
    dec_version: str = ""
    decision: bytes = b""
    erased: bool = False

    @property
    def key(self) -> RecordKey:
        """Tenant and record id."""
        return self.tenant, self.record_id


class Correction(Struct, frozen=True, gc=False, kw_only=True):
    """What a person said a text is about; an empty `causes` says: nothing of the taxonomy."""

    tenant: str
    record_id: str
    sequence: int
    text_hash: bytes
    causes: tuple[str, ...]
    made_by: str
    made_at: datetime


_FIELDS = Row.__struct_fields__
_OF_R = ", ".join(f"r.{c}" for c in _FIELDS)
_BLOBS = ("revision", "text_hash", "attribution", "decision")
_ARRIVING = tuple(c for c in _FIELDS if c != "erased")
_WANTED = unnest({"tenant": "text", "id": "text"}, "wanted")

NEWER = {
    "revision": "excluded.rev_version > r.rev_version",
    "attribution": "excluded.att_version > r.att_version",
    "decision": "excluded.dec_version > r.dec_version",
}
"""The version test of each part."""

ERASED_GUARD = "not r.erased"
"""An emptied row accepts nothing ever again."""

_PARTS = {
    "revision": ("rev_version", "revision", "text", "text_hash"),
    "attribution": ("att_version", "attribution"),
    "decision": ("dec_version", "decision"),
}


# Bytes go as they are: as an array literal of hex digits they cost Postgres six times as much.
_ARRAYS = [f"cast(:{c} as bytea[])" if c in _BLOBS else array(c, "text") for c in _ARRIVING]

_THERE_FIRST = (
    "left join taxonomy.record as there on there.tenant = x.tenant and there.record_id = x.record_id "
    'order by there.record_id is null, x.tenant collate "C", x.record_id collate "C"'
)
"""The order in which every transaction locks rows `x`: those that are there, then those to be made.

So does a batch of feedback: it joins the former and adds the latter. Whoever took both by key alone could
hold what that one waits for, and wait for what it holds.
"""


def _join_sql() -> str:
    cases = ", ".join(
        f"{column} = case when {NEWER[part]} then excluded.{column} else r.{column} end"
        for part, columns in _PARTS.items()
        for column in columns
    )
    names = ", ".join(_ARRIVING)
    return (
        f"insert into taxonomy.record as r ({names}) select x.* from unnest({', '.join(_ARRAYS)}) as x({names}) "
        f"{_THERE_FIRST} on conflict (tenant, record_id) do update set {cases} "
        f"where {ERASED_GUARD} and ({' or '.join(NEWER.values())})"
    )


_STANDING = (
    f"select r.tenant, r.record_id, r.rev_version, r.erased from {KEYS} "
    # All of a tenant in one walk along the index: new records stand side by side at its end.
    f"join taxonomy.record as r on r.tenant = x.tenant and r.record_id = any({NAMES})"
)

_ADD = (
    # Each unnested beside the others, in step: as a table their rows would be kept before the first is inserted.
    f"with added as (insert into taxonomy.record ({', '.join(_ARRIVING)}) "
    f"select {', '.join(f'unnest({each})' for each in _ARRAYS)}) "
    f"select x.tenant, x.id from unnest({array('tenant', 'text')}, {array('record_id', 'text')}) as x(tenant, id) "
    # That nobody has corrected any of them is as good as always so, and seen by one look at the first corrected
    # record from theirs on. Without an order it could be sought among all that the tenant has corrected.
    "where exists (select from (select c.tenant, c.record_id from taxonomy.correction as c where (c.tenant, "
    "c.record_id) >= (:first_tenant, :first_id) order by c.tenant, c.record_id limit 1) as c "
    "where (c.tenant, c.record_id) <= (:last_tenant, :last_id)) "
    "and exists (select from taxonomy.correction as c where c.tenant = x.tenant and c.record_id = x.id)"
)


def _row(found: Any) -> Row:
    return Row(*found)


def _ids(keys: Collection[RecordKey]) -> dict[str, str]:
    return {"tenant": texts([t for t, _ in keys]), "id": texts([i for _, i in keys])}


def _columns(rows: Collection[Row]) -> dict[str, Any]:
    columns = {c: list(map(attrgetter(c), rows)) for c in _ARRIVING}
    return {c: v if c in _BLOBS else texts(v) for c, v in columns.items()}


async def rows(
    tx: Transaction, keys: Collection[RecordKey], *, lock: bool = False
) -> dict[RecordKey, Row]:
    """Records by id; with `lock` held until the end of the transaction, in order."""
    if not keys:
        return {}
    found: Any = await tx.rows(
        f"select {_OF_R} from taxonomy.record as r join {_WANTED} "
        "on r.tenant = wanted.tenant and r.record_id = wanted.id "
        + ("order by r.tenant, r.record_id for no key update of r" if lock else ""),
        **_ids(keys),
    )
    return {(r[0], r[1]): _row(r) for r in found}


async def standing(tx: Transaction, keys: Iterable[RecordKey]) -> dict[RecordKey, tuple[str, bool]]:
    """By record that is there the version of its revision, and whether it has been erased."""
    found: Any = await tx.rows(_STANDING, **by_tenant(keys))
    return {(tenant, record): (version, erased) for tenant, record, version, erased in found}


async def add(tx: Transaction, made: Sequence[Row]) -> set[RecordKey]:
    """Make records that were not there, given by key; returns those that somebody has corrected.

    What is corrected must be there, so the correction of a record that was not is older than this statement
    (its row was emptied for a rebuild) and is seen by it. Raises `AlreadyThere` if another one was faster.
    """
    if not made:
        return set()
    first, last = made[0], made[-1]
    with taken_as_new():
        found: Any = await tx.rows(
            _ADD,
            **_columns(made),
            first_tenant=first.tenant,
            first_id=first.record_id,
            last_tenant=last.tenant,
            last_id=last.record_id,
        )
    return {(tenant, record_id) for tenant, record_id in found}


async def join(tx: Transaction, arrived: Collection[Row]) -> None:
    """Keep the greater version of every part; an erased row stays as it is."""
    if arrived:
        await tx.run(_join_sql(), **_columns(arrived))


async def erase(tx: Transaction, keys: Collection[RecordKey]) -> None:
    """Empty records for good, also such as have not arrived."""
    ids = _ids(keys)
    await tx.run(
        "insert into taxonomy.record as r (tenant, record_id, erased) select x.tenant, x.record_id, true "
        f"from unnest({array('tenant', 'text')}, {array('id', 'text')}) as x(tenant, record_id) {_THERE_FIRST} "
        "on conflict (tenant, record_id) do update set rev_version = '', revision = '', text = '', text_hash = '', "
        "att_version = '', attribution = '', dec_version = '', decision = '', erased = true where not r.erased",
        **ids,
    )
    await tx.run(
        f"delete from taxonomy.correction as c using {_WANTED} "
        "where c.tenant = wanted.tenant and c.record_id = wanted.id",
        **ids,
    )


async def corrections(tx: Transaction, keys: Collection[RecordKey]) -> list[Correction]:
    """The corrections of these records that speak of the text they have now, latest last."""
    found = await tx.rows(
        "select c.tenant, c.record_id, c.sequence, c.text_hash, c.causes, c.made_by, c.made_at "
        f"from {_WANTED} join taxonomy.correction as c on c.tenant = wanted.tenant and c.record_id = wanted.id "
        "join taxonomy.record as r on r.tenant = c.tenant and r.record_id = c.record_id "
        "and r.text_hash = c.text_hash and not r.erased order by c.sequence",
        **_ids(keys),
    )
    return [
        Correction(
            tenant=r.tenant,
            record_id=r.record_id,
            sequence=r.sequence,
            text_hash=r.text_hash,
            causes=tuple(r.causes),
            made_by=r.made_by,
            made_at=r.made_at,
        )
        for r in found
    ]


async def add_correction(
    tx: Transaction, row: Row, causes: Sequence[str], reason: str, by: str
) -> Correction:
    """Store what a person said of the text that the record has now."""
    found = await tx.row(
        "insert into taxonomy.correction (tenant, record_id, text_hash, causes, reason, made_by) "
        "values (:tenant, :record_id, :text_hash, cast(:causes as text[]), :reason, :by) "
        "returning sequence, made_at",
        tenant=row.tenant,
        record_id=row.record_id,
        text_hash=row.text_hash,
        causes=list(causes),
        reason=reason,
        by=by,
    )
    assert found is not None
    return Correction(
        tenant=row.tenant,
        record_id=row.record_id,
        sequence=found.sequence,
        text_hash=row.text_hash,
        causes=tuple(causes),
        made_by=by,
        made_at=found.made_at,
    )


async def correction_page(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Corrections, newest first, below a sequence number."""
    return await tx.rows(
        "select sequence, record_id, causes, reason, made_by, made_at from taxonomy.correction "
        "where tenant = :tenant and sequence < :before order by sequence desc limit :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )


async def corrected_texts(tx: Transaction, tenant: str, limit: int) -> Sequence[Any]:
    """Texts whose latest correction names one cause or none."""
    return await tx.rows(
        "select distinct on (c.record_id) r.text, c.causes from taxonomy.correction as c "
        "join taxonomy.record as r on r.tenant = c.tenant and r.record_id = c.record_id "
        "and r.text_hash = c.text_hash and not r.erased "
        "where c.tenant = :tenant and cardinality(c.causes) < 2 order by c.record_id, c.sequence desc limit :limit",
        tenant=tenant,
        limit=limit,
    )
