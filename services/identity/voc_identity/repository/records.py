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


def _twin(noted: str) -> str:
    """SQL for the twin of a record `x`, if the one that is `noted` still is one.

    Laterals keep the order of the look-ups, and each to its key, whatever the statistics say.
    """
    return (
        f"select r.record_id, r.component, r.person, r.account, r.atom from ({noted} offset 0) as p "
        "cross join lateral (select r.* from identity.record as r "
        "where r.tenant = x.tenant and r.record_id = p.record_id offset 0) as r "
        "where r.record_id < x.id and r.profile = x.hash and r.person <> '' and not r.manual"
    )


_TWIN = _twin(
    "select p.record_id from identity.profile as p where p.tenant = x.tenant and p.hash = x.hash"
)
_ARRIVING = {**ID, "hash": "bytea"}


def _arriving(profiles: Mapping[RecordKey, bytes]) -> dict[str, str]:
    ordered = sorted(profiles)
    return {
        "tenant": texts([t for t, _ in ordered]),
        "id": texts([i for _, i in ordered]),
        "hash": blobs([profiles[key] for key in ordered]),
    }


async def rows_or_twins(
    tx: Transaction, profiles: Mapping[RecordKey, bytes]
) -> tuple[dict[RecordKey, Row], dict[RecordKey, Twin]]:
    """Records by id, and of those that are not there their twins, in one look; an empty profile has none.

    A twin is an earlier record of the same profile that belongs to a person. Left out are those of components
    of which people said something, and records that people spoke of.
    """
    found: Any = await tx.rows(
        f"select x.tenant, x.id, t.record_id, t.component, t.person, t.account, {OF_R} from {unnest(_ARRIVING)} "
        "left join lateral (select r.* from identity.record as r "
        "where r.tenant = x.tenant and r.record_id = x.id offset 0) as r on true "
        f"left join lateral (select * from ({_TWIN}) as t where r.record_id is null and x.hash <> '' and not exists "
        "(select from identity.edge_record as e where e.tenant = x.tenant and e.record_id = x.id) offset 0) as t "
        "on true where r.record_id is not null or t.record_id is not null",
        **_arriving(profiles),
    )
    there = {(r[0], r[1]): row(r[6:]) for r in found if r[2] is None}
    return there, {(r[0], r[1]): Twin(*r[2:6]) for r in found if r[2] is not None}


_SEEN = {"seen_version": "text", "seen_counter": "bigint"}
MADE = f"insert into identity.record ({COLUMNS}) select * from {unnest(_TYPES, named='made_')}"
CHANGED = (
    f"update identity.record as r set {', '.join(f'{c} = x.{c}' for c in Row.__struct_fields__[2:])} "
    f"from {unnest(_TYPES | _SEEN, named='changed_')} "
    "where r.tenant = x.tenant and r.record_id = x.record_id and not r.erased "
    "and r.rev_version = x.seen_version and r.counter = x.seen_counter"
)
"""Both count what they wrote: a record that is not as it was seen is left out, and then nothing may be kept.

A record that two workers bring at once, with no value in common, is caught here by its former revision and
counter, or refused as a second one of its id. Its lock comes after those of the components: before them it made deadlocks.
"""
STANDS = "t.component = x.component and t.person = x.person and t.account = x.account"
"""The second look-up of a twin: it is where it was, in a component that is locked by now.

Of a record that is not there people cannot begin to speak meanwhile: that one was looked at is enough.
"""
_FOLLOWED = dict.fromkeys(
    ("tenant", "id", "rev_version", "source", "component", "person", "account", "twin"), "text"
) | {"occurred_at": "bigint", "identifiers": "bytea", "hash": "bytea"}


def followed_sql(stands: str) -> str:
    """Makes records that follow their twins, and tell what those tell."""
    return (
        "insert into identity.record (tenant, record_id, rev_version, source, occurred_at, identifiers, atom, "
        "component, person, account, counter, decided_at, profile) "
        "select x.tenant, x.id, x.rev_version, x.source, x.occurred_at, x.identifiers, t.atom, "
        "x.component, x.person, x.account, 1, cast(:now as bigint), x.hash "
        f"from {unnest(_FOLLOWED, named='followed_')} "
        f"cross join lateral ({_twin('select x.twin as record_id')}) as t where {stands}"
    )


PROFILES = (
    f"insert into identity.profile as p (tenant, hash, record_id) select * from {unnest(HASH | {'id': 'text'}, named='profiles_')} "
    "on conflict (tenant, hash) do update set record_id = excluded.record_id "
    "where excluded.record_id < p.record_id or not exists (select from identity.record as r "
    "where r.tenant = p.tenant and r.record_id = p.record_id and r.profile = p.hash)"
)
"""Notes a record of each profile, an earlier one or one that still has it instead of the one noted.

Only a hint, which looking for twins does not believe: an erased or edited record may still be noted.
"""


def records_written(
    changed: Iterable[Row], seen: Mapping[RecordKey, Row]
) -> tuple[dict[str, str], int]:
    """The parameters of `MADE` and `CHANGED`, and how many they must write."""
    ordered = sorted(changed, key=lambda r: r.key)
    old = [r for r in ordered if r.key in seen]
    given = _values("made_", [r for r in ordered if r.key not in seen]) | _values("changed_", old)
    given["changed_seen_version"] = texts([seen[r.key].rev_version for r in old])
    given["changed_seen_counter"] = numbers([seen[r.key].counter for r in old])
    return given, len(ordered)


def followed_written(rows: Iterable[Row], twins: Mapping[RecordKey, Twin]) -> dict[str, str]:
    """The parameters of `followed_sql`, but for the moment of decision."""
    ordered = sorted(rows, key=lambda r: r.key)
    return {
        "followed_tenant": texts([r.tenant for r in ordered]),
        "followed_id": texts([r.record_id for r in ordered]),
        "followed_rev_version": texts([r.rev_version for r in ordered]),
        "followed_source": texts([r.source for r in ordered]),
        "followed_component": texts([r.component for r in ordered]),
        "followed_person": texts([r.person for r in ordered]),
        "followed_account": texts([r.account for r in ordered]),
        "followed_twin": texts([twins[r.key].record_id for r in ordered]),
        "followed_occurred_at": numbers([r.occurred_at for r in ordered]),
        "followed_identifiers": blobs([r.identifiers for r in ordered]),
        "followed_hash": blobs([r.profile for r in ordered]),
    }


def profiles_written(first: Mapping[HashKey, str]) -> dict[str, str]:
    """The parameters of `PROFILES`: the record to note of each profile."""
    ordered = sorted(first)
    return {
        "profiles_tenant": texts([t for t, _ in ordered]),
        "profiles_hash": blobs([h for _, h in ordered]),
        "profiles_id": texts([first[key] for key in ordered]),
    }


def _values(named: str, rows: Sequence[Row]) -> dict[str, str]:
    return {
        f"{named}{name}": _LITERALS[kind](list(map(attrgetter(name), rows)))
        for name, kind in _TYPES.items()
    }


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
