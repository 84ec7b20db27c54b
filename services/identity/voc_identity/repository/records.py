"""Records by id, by component, by profile and by person."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, blobs, numbers, texts, unnest

from voc_identity.repository.shapes import (
    COLUMNS,
    HASH,
    IDS,
    OF_R,
    HashKey,
    Noted,
    RecordKey,
    Row,
    by_tenant,
    hashes,
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
    "first_at": "bigint",
}
_LITERALS = {"text": texts, "bytea": blobs, "bigint": numbers, "bool": numbers}


async def rows(tx: Transaction, keys: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """Records by id."""
    found: Any = await tx.rows(
        f"select {OF_R} from {IDS} cross join lateral (select r.* from identity.record as r "
        "where r.tenant = x.tenant and r.record_id = any(x.wanted) offset 0) as r",
        **ids(keys),
    )
    return {(r[0], r[1]): row(r) for r in found}


async def lock_components(tx: Transaction, keys: Iterable[RecordKey]) -> None:
    """Lock components by the rows of the records that name them, sorted."""
    await tx.rows(
        f"select 1 from {IDS} cross join lateral (select from identity.record as r "
        "where r.tenant = x.tenant and r.record_id = any(x.wanted) order by r.record_id "
        "for no key update of r) as r",
        **ids(keys),
    )


async def members(tx: Transaction, components: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """All records of these components."""
    found = await _of_components(tx, components, "select r.*", "")
    return {(r[0], r[1]): row(r) for r in found}


async def speakers(
    tx: Transaction, components: Iterable[RecordKey]
) -> dict[RecordKey, tuple[Row, tuple[int, str]]]:
    """Of these components the first record by id of each profile, and all that have none.

    Beside it which of all that tell the same first reached voc, and when.
    """
    alike = "r.component, r.profile, case when r.profile = '' then r.record_id end"
    found = await _of_components(
        tx,
        components,
        f"select distinct on ({alike}) r.*, first_value(r.first_at) over came as at, "
        "first_value(r.record_id) over came as first",
        f"window came as (partition by {alike} order by r.first_at, r.record_id) order by {alike}, r.record_id",
        ", r.at, r.first",
    )
    return {(r[0], r[1]): (row(r[:-2]), (r[-2], r[-1])) for r in found}


async def _of_components(
    tx: Transaction, components: Iterable[RecordKey], select: str, order: str, more: str = ""
) -> Sequence[Any]:
    return await tx.rows(
        f"select {OF_R}{more} from {IDS} cross join lateral ({select} from identity.record as r "
        f"where r.tenant = x.tenant and r.component = any(x.wanted) {order} offset 0) as r",
        **ids(components),
    )


def _there(table: str) -> str:
    """SQL for those of the `arriving` records that a table names."""
    return (
        "select x.tenant, null, r.record_id, null, null, null, null, null, null, null from arriving as x "
        f"cross join lateral (select r.record_id from identity.{table} as r "
        "where r.tenant = x.tenant and r.record_id = any(x.wanted) offset 0) as r"
    )


# Laterals keep the order of the look-ups, and each to its keys, whatever the statistics say.
_LOOK = (
    f"with arriving as materialized (select * from {IDS}), "
    "noted as materialized (select x.tenant, p.hash, p.record_id "
    f"from {by_tenant('hash', 'bytea', 'profile_')} "
    "cross join lateral (select p.hash, p.record_id from identity.profile as p "
    "where p.tenant = x.tenant and p.hash = any(x.wanted) offset 0) as p), "
    "telling as materialized (select x.tenant, r.* "
    "from (select tenant, array_agg(record_id) as wanted from noted group by tenant) as x cross join lateral "
    "(select r.profile, r.record_id, r.component, r.person, r.account, r.manual, r.first_at, cast(r.ctid as text) as place, cast(r.xmin as text) as made_by "
    "from identity.record as r where r.tenant = x.tenant and r.record_id = any(x.wanted) and r.profile <> '' "
    "offset 0) as r) "
    "select * from telling "
    "union all select tenant, hash, record_id, '', '', '', false, 0, null, null from noted "
    "where (tenant, hash) not in (select tenant, profile from telling) "
    f"union all {_there('record')} union all {_there('edge_record')}"
)


async def rows_or_twins(
    tx: Transaction, profiles: Mapping[RecordKey, bytes]
) -> tuple[dict[RecordKey, Row], dict[RecordKey, Noted], dict[HashKey, Noted]]:
    """Records by id; the twins of those that are not there; and what is noted of the profiles. An empty one has none.

    A twin is another record of the same profile that belongs to a person. Left out are those of components
    of which people said something, and records that people spoke of.
    """
    wanted = {(tenant, profile) for (tenant, _), profile in profiles.items() if profile}
    found: Any = await tx.rows(
        _LOOK, **ids(profiles), **{f"profile_{k}": v for k, v in hashes(wanted).items()}
    )
    named = {(r[0], r[2]) for r in found if r[1] is None}
    noted = {(r[0], r[1]): Noted(*r[2:]) for r in found if r[1] is not None}
    twins = {
        key: twin
        for key, profile in profiles.items()
        if (twin := noted.get((key[0], profile)))
        and twin.person
        and not twin.manual
        and key not in named
    }
    return await rows(tx, named) if named else {}, twins, noted


MADE = f"insert into identity.record ({COLUMNS}) select * from {unnest(_TYPES, named='made_')}"
_SEEN = {"seen_version": "text", "seen_counter": "bigint"}
_KEY = ("tenant", "record_id")
_MOVED = ("component", "person", "account", "counter", "decided_at", "manual")
"""What clustering says of a record; all else is what it told."""
_told = attrgetter(*(c for c in Row.__struct_fields__ if c not in _MOVED))


def _update(columns: Sequence[str], named: str) -> str:
    given = {c: _TYPES[c] for c in (*_KEY, *columns)} | _SEEN
    return (
        f"update identity.record as r set {', '.join(f'{c} = x.{c}' for c in columns)} "
        f"from {unnest(given, named=named)} "
        "where r.tenant = x.tenant and r.record_id = x.record_id and not r.erased "
        "and r.rev_version = x.seen_version and r.counter = x.seen_counter"
    )


CHANGED = _update(Row.__struct_fields__[2:], "changed_")
MOVED = _update(_MOVED, "moved_")
"""All of them count what they wrote: a record that is not as it was seen is left out, and then nothing may be kept.

A record that two workers bring at once, with no value in common, is caught here by its former revision and
counter, or refused as a second one of its id. Its lock comes after those of the components: before them it made deadlocks.
"""
_CARRIED = {"tenant": "text", "was": "text", "profile": "bytea", "speaker": "text"} | {
    c: _TYPES[c] for c in _MOVED
}
CARRIED = (
    "update identity.record as r set component = x.component, person = x.person, account = x.account, "
    "manual = x.manual, counter = r.counter + x.counter, "
    "decided_at = case when x.counter = 0 then r.decided_at else x.decided_at end "
    f"from {unnest(_CARRIED, named='carried_')} where r.tenant = x.tenant and r.component = x.was "
    "and r.profile = x.profile and r.record_id <> x.speaker "
    f"returning {OF_R}"
)
"""Takes the records that tell the same as a speaker along with it: their component is locked, so they are all that there are."""
TWIN = (
    "select r.tenant, r.component, r.person, r.account, r.profile, r.atom from identity.record as r "
    "where r.ctid = x.place and r.xmin = x.made_by"
)
"""The second look-up of a twin: the row that was seen is still there, in a component that is locked by now.

Of a record that is not there people cannot begin to speak meanwhile: that one was looked at is enough.
"""
_FOLLOWED = {
    "id": "text", "rev_version": "text", "source": "text", "occurred_at": "bigint", "identifiers": "bytea",
    "first_at": "bigint", "place": "tid", "made_by": "xid",
}  # fmt: skip


def followed_sql(twin: str) -> str:
    """Makes records that follow their twins, and tell what those tell."""
    return (
        "insert into identity.record (tenant, record_id, rev_version, source, occurred_at, identifiers, atom, "
        "component, person, account, counter, decided_at, profile, first_at) "
        "select t.tenant, x.id, x.rev_version, x.source, x.occurred_at, x.identifiers, t.atom, "
        "t.component, t.person, t.account, 1, cast(:now as bigint), t.profile, x.first_at "
        f"from {unnest(_FOLLOWED, named='followed_')} cross join lateral ({twin} offset 0) as t"
    )


PROFILES = (
    f"insert into identity.profile as p (tenant, hash, record_id) select * from {unnest(HASH | {'id': 'text'}, named='profiles_')} "
    "on conflict (tenant, hash) do update set record_id = excluded.record_id "
    f"where excluded.record_id < p.record_id or p.record_id = any({array('profiles_stale', 'text')})"
)
"""Notes a record of each profile, an earlier one than is noted, or instead of one that no longer has it.

Only a hint, which looking for twins does not believe: an erased or edited record may still be noted.
"""


def records_written(
    changed: Iterable[Row], seen: Mapping[RecordKey, Row]
) -> tuple[dict[str, str], int]:
    """The parameters of `MADE`, `CHANGED` and `MOVED`, and how many they must write."""
    made: list[Row] = []
    told: list[Row] = []
    moved: list[Row] = []
    ordered = sorted(changed, key=lambda r: r.key)
    for one in ordered:
        before = seen.get(one.key)
        if before is None:
            made.append(one)
        else:
            (moved if _told(one) == _told(before) else told).append(one)
    given = _values("made_", made, _TYPES)
    for named, rows, columns in (("changed_", told, _TYPES), ("moved_", moved, _KEY + _MOVED)):
        given |= _values(named, rows, columns)
        given[f"{named}seen_version"] = texts([seen[r.key].rev_version for r in rows])
        given[f"{named}seen_counter"] = numbers([seen[r.key].counter for r in rows])
    return given, len(ordered)


def carried_written(
    changed: Iterable[Row], seen: Mapping[RecordKey, Row], speakers: Collection[RecordKey]
) -> dict[str, str]:
    """The parameters of `CARRIED`, for those of the changed records that are `speakers`."""
    moves = [(seen[r.key], r) for r in changed if r.key in speakers]
    counted = [r.counter - before.counter for before, r in moves]
    return {
        "carried_was": texts([before.component for before, _ in moves]),
        "carried_speaker": texts([r.record_id for _, r in moves]),
        **_values("carried_", [r for _, r in moves], ("tenant", "profile", *_MOVED)),
        "carried_counter": numbers(counted),
    }


def followed_written(rows: Collection[Row], twins: Mapping[RecordKey, Noted]) -> dict[str, str]:
    """The parameters of `followed_sql`, but for the moment of decision; `rows` are sorted."""
    seen = [twins[r.key] for r in rows]
    return {
        "followed_id": texts([r.record_id for r in rows]),
        "followed_rev_version": texts([r.rev_version for r in rows]),
        "followed_source": texts([r.source for r in rows]),
        "followed_occurred_at": numbers([r.occurred_at for r in rows]),
        "followed_identifiers": blobs([r.identifiers for r in rows]),
        "followed_first_at": numbers([r.first_at for r in rows]),
        "followed_place": _literal([t.place for t in seen]),
        "followed_made_by": _literal([t.made_by for t in seen]),
    }


def _literal(values: Sequence[str]) -> str:
    joined = '","'.join(values)
    return f'{{"{joined}"}}' if values else "{}"


def profiles_written(
    first: Mapping[HashKey, str], noted: Mapping[HashKey, Noted]
) -> dict[str, str]:
    """The parameters of `PROFILES`: the record to note of each profile, where another or none is `noted`."""
    stale = {key: n.record_id for key, n in noted.items() if not n.component}
    ordered = sorted(
        key
        for key, record_id in first.items()
        if key not in noted or key in stale or record_id < noted[key].record_id
    )
    return {f"profiles_{name}": column for name, column in hashes(ordered).items()} | {
        "profiles_id": texts([first[key] for key in ordered]),
        "profiles_stale": texts([stale[key] for key in ordered if key in stale]),
    }


def _values(named: str, rows: Sequence[Row], columns: Iterable[str]) -> dict[str, str]:
    return {
        f"{named}{name}": _LITERALS[_TYPES[name]](list(map(attrgetter(name), rows)))
        for name in columns
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
