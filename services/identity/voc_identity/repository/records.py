"""Records by id, by component, by profile and by person."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import blobs, numbers, texts, unnest

from voc_identity.repository.shapes import (
    COLUMNS,
    HASH,
    ID,
    OF_R,
    WANTED,
    HashKey,
    RecordKey,
    Row,
    Twin,
    ids,
    row,
)


async def rows(tx: Transaction, keys: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """Records by id."""
    found: Any = await tx.rows(
        f"select {OF_R} from identity.record as r join {WANTED} "
        "on r.tenant = wanted.tenant and r.record_id = wanted.id",
        **ids(keys),
    )
    return {(r[0], r[1]): row(r) for r in found}


async def lock_components(tx: Transaction, keys: Iterable[RecordKey]) -> None:
    """Lock components by the rows of the records that name them, sorted."""
    await tx.rows(
        f"select 1 from identity.record as r join {WANTED} "
        "on r.tenant = wanted.tenant and r.record_id = wanted.id order by r.tenant, r.record_id "
        "for no key update of r",
        **ids(keys),
    )


async def members(tx: Transaction, components: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """All records of these components."""
    found: Any = await tx.rows(
        f"select {OF_R} from identity.record as r join {WANTED} "
        "on r.tenant = wanted.tenant and r.component = wanted.id",
        **ids(components),
    )
    return {(r[0], r[1]): row(r) for r in found}


async def twins(tx: Transaction, profiles: Mapping[RecordKey, bytes]) -> dict[RecordKey, Twin]:
    """Of records that are not there yet: an earlier record of the same profile that belongs to a person.

    Left out are those of components of which people said something, and records that people spoke of.
    """
    ordered = sorted(profiles)
    found: Any = await tx.rows(
        # Laterals keep the order of the look-ups, and each to its key, whatever the statistics say.
        f"select x.tenant, x.id, r.record_id, r.component, r.person, r.account from {unnest(ID | {'hash': 'bytea'})} "
        "cross join lateral (select p.record_id from identity.profile as p "
        "where p.tenant = x.tenant and p.hash = x.hash offset 0) as p "
        "cross join lateral (select r.* from identity.record as r "
        "where r.tenant = x.tenant and r.record_id = p.record_id offset 0) as r "
        "where r.record_id < x.id and r.profile = x.hash and r.person <> '' and not r.manual "
        "and not exists (select from identity.edge_record as e where e.tenant = x.tenant and e.record_id = x.id)",
        tenant=texts([t for t, _ in ordered]),
        id=texts([i for _, i in ordered]),
        hash=blobs([profiles[key] for key in ordered]),
    )
    return {(r[0], r[1]): Twin(r[2], r[3], r[4], r[5]) for r in found}


async def save_profiles(tx: Transaction, first: Mapping[HashKey, str]) -> None:
    """Note a record of each profile, an earlier one or one that still has it instead of the one noted.

    Only a hint, which `twins` does not believe: an erased or edited record may still be noted.
    """
    ordered = sorted(first)
    if ordered:
        await tx.run(
            f"insert into identity.profile as p (tenant, hash, record_id) select * from {unnest(HASH | {'id': 'text'})} "
            "on conflict (tenant, hash) do update set record_id = excluded.record_id "
            "where excluded.record_id < p.record_id or not exists (select from identity.record as r "
            "where r.tenant = p.tenant and r.record_id = p.record_id and r.profile = p.hash)",
            tenant=texts([t for t, _ in ordered]),
            hash=blobs([h for _, h in ordered]),
            id=texts([first[key] for key in ordered]),
        )


async def save_rows(tx: Transaction, changed: Sequence[Row], seen: dict[RecordKey, Row]) -> bool:
    """Write records; False if one is no longer as it was `seen`, then nothing may be kept.

    Records are written last: locked before the components they made deadlocks. So a record that two
    workers bring at once, with no value in common, is caught here by its former revision and counter.
    """
    ordered = sorted(changed, key=lambda r: r.key)
    new = [r for r in ordered if r.key not in seen]
    old = [r for r in ordered if r.key in seen]
    written = 0
    if new:
        written += await tx.run(
            f"insert into identity.record ({COLUMNS}) select * from {unnest(_TYPES)} on conflict do nothing",
            **_values(new),
        )
    if old:
        written += await tx.run(
            f"update identity.record as r set {_ASSIGNED} "
            f"from {unnest(_TYPES | {'seen_version': 'text', 'seen_counter': 'bigint'})} "
            "where r.tenant = x.tenant and r.record_id = x.record_id and not r.erased "
            "and r.rev_version = x.seen_version and r.counter = x.seen_counter",
            **_values(old),
            seen_version=texts([seen[r.key].rev_version for r in old]),
            seen_counter=numbers([seen[r.key].counter for r in old]),
        )
    return written == len(ordered)


_TYPES = dict.fromkeys(Row.__struct_fields__, "text") | {
    "occurred_at": "bigint",
    "identifiers": "bytea",
    "atom": "bytea",
    "counter": "bigint",
    "decided_at": "bigint",
    "erased": "bool",
    "profile": "bytea",
    "manual": "bool",
}
_LITERALS = {"text": texts, "bytea": blobs, "bigint": numbers, "bool": numbers}


def _values(rows: Sequence[Row]) -> dict[str, str]:
    return {
        name: _LITERALS[kind](list(map(attrgetter(name), rows))) for name, kind in _TYPES.items()
    }


_ASSIGNED = ", ".join(f"{c} = x.{c}" for c in Row.__struct_fields__[2:])


async def records_of(
    tx: Transaction, tenant: str, person: str, limit: int, after: str = ""
) -> list[Row]:
    """Records of a person, by record id behind `after`.

    A person is named by one of its records, and its records are of one component.
    """
    found = await tx.rows(
        f"select {COLUMNS} from identity.record where tenant = :tenant and component <> '' and component = "
        "(select component from identity.record where tenant = :tenant and record_id = :person) "
        "and person = :person and record_id > :after order by record_id limit :limit",
        tenant=tenant,
        person=person,
        after=after,
        limit=limit,
    )
    return [row(r) for r in found]
