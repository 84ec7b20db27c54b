"""The tables of identity and every SQL statement over them."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import blobs, numbers, texts, unnest

DERIVED = ("record", "key", "holder")
"""Tables that may be emptied and rebuilt by a replay from the archive."""

OWNED = ("tenant", "edge", "edge_record")
"""Tables that nothing can rebuild: the secrets that key the hashes, and the manual edges."""

RecordKey = tuple[str, str]
"""Tenant and record id; a component is named by one of its records."""

HashKey = tuple[str, bytes]
"""Tenant and the hash of a value."""


class Row(Struct, frozen=True, gc=False, kw_only=True):
    """A record as identity keeps it; emptied once erased.

    `identifiers` are the encoded identifiers as they came, `atom` the encoded `Record` that clustering
    reads. `counter` counts the attributions that the record has had.
    """

    tenant: str
    record_id: str
    rev_version: str = ""
    source: str = ""
    occurred_at: int = 0
    identifiers: bytes = b""
    atom: bytes = b""
    component: str = ""
    person: str = ""
    account: str = ""
    counter: int = 0
    decided_at: int = 0
    erased: bool = False

    @property
    def key(self) -> RecordKey:
        """Tenant and record id."""
        return self.tenant, self.record_id


class KeyState(Struct, frozen=True, gc=False):
    """What is known of a value: the component of its holders, or that it links nobody."""

    component: str
    generic: bool


class EdgeRow(Struct, frozen=True, gc=False, kw_only=True):
    """A manual edge: `must` ties the first of `left` to the first of `right`, `cut` parts the two."""

    tenant: str
    edge: int
    kind: str
    left_records: list[str]
    right_records: list[str]


class Rules(Struct, frozen=True, gc=False, kw_only=True):
    """What a tenant's identifiers are read by."""

    secret: bytes
    blocked: tuple[str, ...]
    rules: int


_COLUMNS = ", ".join(Row.__struct_fields__)
_OF_R = ", ".join(f"r.{c}" for c in Row.__struct_fields__)
_ID = {"tenant": "text", "id": "text"}
_HASH = {"tenant": "text", "hash": "bytea"}
_WANTED = unnest(_ID, "wanted")
_WANTED_HASHES = unnest(_HASH, "wanted")


def _ids(keys: Iterable[RecordKey]) -> dict[str, str]:
    ordered = sorted(set(keys))
    return {"tenant": texts([t for t, _ in ordered]), "id": texts([i for _, i in ordered])}


def _hashes(keys: Iterable[HashKey]) -> dict[str, str]:
    ordered = sorted(set(keys))
    return {"tenant": texts([t for t, _ in ordered]), "hash": blobs([h for _, h in ordered])}


def _row(found: Any) -> Row:
    return Row(**dict(zip(Row.__struct_fields__, found, strict=True)))


async def generation(tx: Transaction) -> int:
    """The schema's generation; it is raised when a backup is restored."""
    found = await tx.row("select value from identity.generation")
    return found.value if found else 1


async def rules(tx: Transaction, tenants: Collection[str]) -> dict[str, Rules]:
    """The rules of these tenants, held still until the end of the transaction.

    The share lock lets a change of the rules wait for this transaction, so that re-keying, which begins
    after the change, sees every record that was read by the former rules.
    """
    names = sorted(set(tenants))
    found = await _rules(tx, names)
    missing = [n for n in names if n not in found]
    if missing:
        await tx.run(
            "insert into identity.tenant (tenant, secret) select * from "
            "unnest(cast(:tenants as text[]), cast(:secrets as bytea[])) on conflict do nothing",
            tenants=missing,
            secrets=[secrets.token_bytes(32) for _ in missing],
        )
        found = await _rules(tx, names)
    return found


async def _rules(tx: Transaction, names: list[str]) -> dict[str, Rules]:
    rows = await tx.rows(
        "select tenant, secret, blocked, rules from identity.tenant "
        "where tenant = any(cast(:names as text[])) order by tenant for key share",
        names=names,
    )
    return {r.tenant: Rules(secret=r.secret, blocked=tuple(r.blocked), rules=r.rules) for r in rows}


async def configure(tx: Transaction, tenant: str, version: int, blocked: Sequence[str]) -> bool:
    """Take over a tenant's settings if they are newer; True if the rules of reading changed."""
    await rules(tx, [tenant])
    await tx.rows("select 1 from identity.tenant where tenant = :tenant for update", tenant=tenant)
    found = await tx.row(
        "update identity.tenant set version = :version, blocked = cast(:blocked as text[]), "
        "rules = rules + case when blocked = cast(:blocked as text[]) then 0 else 1 end, "
        "rekeyed_to = case when blocked = cast(:blocked as text[]) then rekeyed_to else '' end "
        "where tenant = :tenant and version < :version returning old.rules <> new.rules as changed",
        tenant=tenant,
        version=version,
        blocked=sorted(set(blocked)),
    )
    return bool(found and found.changed)


async def next_to_reread(tx: Transaction, limit: int) -> tuple[str, list[Row]] | None:
    """The next records of a tenant whose rules changed, the tenant locked for this worker."""
    due = await tx.row(
        "select tenant, rekeyed_to from identity.tenant where rekeyed_rules < rules "
        "order by tenant limit 1 for no key update skip locked"
    )
    if due is None:
        return None
    found = await tx.rows(
        f"select {_COLUMNS} from identity.record where tenant = :tenant and record_id > :after "
        "and not erased and rev_version <> '' order by record_id limit :limit",
        tenant=due.tenant,
        after=due.rekeyed_to,
        limit=limit,
    )
    return due.tenant, [_row(r) for r in found]


async def reread_until(tx: Transaction, tenant: str, rules: int, record_id: str) -> None:
    """Note how far re-reading has come; without a record it is done."""
    await tx.run(
        "update identity.tenant set rekeyed_to = :record_id, "
        "rekeyed_rules = case when :record_id = '' then :rules else rekeyed_rules end where tenant = :tenant",
        tenant=tenant,
        rules=rules,
        record_id=record_id,
    )


async def rows(tx: Transaction, keys: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """Records by id."""
    found = await tx.rows(
        f"select {_OF_R} from identity.record as r join {_WANTED} "
        "on r.tenant = wanted.tenant and r.record_id = wanted.id",
        **_ids(keys),
    )
    return {(r.tenant, r.record_id): _row(r) for r in found}


async def claim_keys(tx: Transaction, keys: Iterable[HashKey]) -> set[HashKey]:
    """Make the rows of values never seen before; returns those.

    Two transactions with the same new value meet here: the second waits for the first to end, and its
    look-up then sees the component. Sorted, so that they cannot wait for each other.
    """
    made = await tx.rows(
        "insert into identity.key (tenant, hash) "
        f"select * from {unnest(_HASH)} on conflict do nothing returning tenant, hash",
        **_hashes(keys),
    )
    return {(r.tenant, r.hash) for r in made}


async def hold_free(tx: Transaction, keys: Iterable[HashKey]) -> None:
    """Keep values that nobody holds any more from all others that bring them, until the end; sorted.

    Their rows are there, so that `claim_keys` waits for nobody, and no component's lock orders them.
    """
    await tx.rows(
        f"select 1 from identity.key as k join {_WANTED_HASHES} "
        "on k.tenant = wanted.tenant and k.hash = wanted.hash order by k.tenant, k.hash "
        "for no key update of k",
        **_hashes(keys),
    )


async def hold_generic(
    tx: Transaction, adding: Iterable[HashKey], removing: Iterable[HashKey]
) -> None:
    """Keep generic values as they are until the end: additions share, a removal is alone.

    A generic value has no component whose lock would order its changes; without this, a removal
    could count the names without an addition that commits a moment later.
    """
    alone = set(removing)
    for keys, mode in ((set(adding) - alone, "share"), (alone, "update")):
        if keys:
            await tx.rows(
                f"select 1 from identity.key as k join {_WANTED_HASHES} "
                f"on k.tenant = wanted.tenant and k.hash = wanted.hash where k.generic "
                f"order by k.tenant, k.hash for {mode} of k",
                **_hashes(keys),
            )


async def look_up(tx: Transaction, keys: Iterable[HashKey]) -> dict[HashKey, KeyState]:
    """What is known of these values now."""
    found = await tx.rows(
        "select k.tenant, k.hash, k.component, k.generic from identity.key as k "
        f"join {_WANTED_HASHES} on k.tenant = wanted.tenant and k.hash = wanted.hash",
        **_hashes(keys),
    )
    return {(r.tenant, r.hash): KeyState(r.component, r.generic) for r in found}


async def lock_components(tx: Transaction, keys: Iterable[RecordKey]) -> None:
    """Lock components by the rows of the records that name them, sorted."""
    await tx.rows(
        f"select 1 from identity.record as r join {_WANTED} "
        "on r.tenant = wanted.tenant and r.record_id = wanted.id order by r.tenant, r.record_id "
        "for no key update of r",
        **_ids(keys),
    )


async def members(tx: Transaction, components: Iterable[RecordKey]) -> dict[RecordKey, Row]:
    """All records of these components."""
    found = await tx.rows(
        f"select {_OF_R} from identity.record as r join {_WANTED} "
        "on r.tenant = wanted.tenant and r.component = wanted.id",
        **_ids(components),
    )
    return {(r.tenant, r.record_id): _row(r) for r in found}


async def holders(tx: Transaction, keys: Iterable[HashKey]) -> list[Row]:
    """All records that hold any of these values."""
    found = await tx.rows(
        f"select distinct {_OF_R} from identity.holder as h "
        f"join {_WANTED_HASHES} on h.tenant = wanted.tenant and h.hash = wanted.hash "
        "join identity.record as r on r.tenant = h.tenant and r.record_id = h.record_id",
        **_hashes(keys),
    )
    return [_row(r) for r in found]


async def edges(tx: Transaction, keys: Iterable[RecordKey]) -> list[EdgeRow]:
    """The manual edges in force that name any of these records."""
    found = await tx.rows(
        "select distinct e.tenant, e.edge, e.kind, e.left_records, e.right_records "
        f"from identity.edge_record as x join {_WANTED} on x.tenant = wanted.tenant and x.record_id = wanted.id "
        "join identity.edge as e on e.tenant = x.tenant and e.edge = x.edge where e.retracted_at is null",
        **_ids(keys),
    )
    return [
        EdgeRow(
            tenant=r.tenant,
            edge=r.edge,
            kind=r.kind,
            left_records=r.left_records,
            right_records=r.right_records,
        )
        for r in found
    ]


async def save_keys(tx: Transaction, states: dict[HashKey, KeyState]) -> None:
    """Write what is now known of these values."""
    if not states:
        return
    ordered = sorted(states)
    await tx.run(
        "update identity.key as k set component = x.component, generic = x.generic "
        f"from {unnest(_HASH | {'component': 'text', 'generic': 'bool'})} "
        "where k.tenant = x.tenant and k.hash = x.hash",
        **_hashes(ordered),
        component=texts([states[k].component for k in ordered]),
        generic=numbers([states[k].generic for k in ordered]),
    )


async def save_holders(
    tx: Transaction,
    added: Collection[tuple[str, bytes, str]],
    removed: Collection[tuple[str, bytes, str]],
) -> None:
    """Write which records hold which values: (tenant, hash, record id)."""
    unnested = unnest(_HASH | _ID)
    if removed:
        await tx.run(
            f"delete from identity.holder as h using {unnested} "
            "where h.tenant = x.tenant and h.hash = x.hash and h.record_id = x.id",
            **_holders(removed),
        )
    if added:
        await tx.run(
            f"insert into identity.holder (tenant, hash, record_id) select * from {unnested} on conflict do nothing",
            **_holders(added),
        )


def _holders(held: Iterable[tuple[str, bytes, str]]) -> dict[str, str]:
    ordered = sorted(held)
    return {
        "tenant": texts([t for t, _, _ in ordered]),
        "hash": blobs([h for _, h, _ in ordered]),
        "id": texts([i for _, _, i in ordered]),
    }


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
            f"insert into identity.record ({_COLUMNS}) select * from {unnest(_TYPES)} on conflict do nothing",
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
    """Records of a person, by record id behind `after`."""
    found = await tx.rows(
        f"select {_COLUMNS} from identity.record where tenant = :tenant and person = :person "
        "and record_id > :after order by record_id limit :limit",
        tenant=tenant,
        person=person,
        after=after,
        limit=limit,
    )
    return [_row(r) for r in found]


async def add_edge(
    tx: Transaction,
    tenant: str,
    kind: str,
    left: Sequence[str],
    right: Sequence[str],
    reason: str,
    by: str,
) -> int:
    """Store what a person said; returns its number, which orders it among all that was said."""
    found = await tx.row(
        "with made as (insert into identity.edge (tenant, kind, left_records, right_records, reason, made_by) "
        "values (:tenant, :kind, cast(:left as text[]), cast(:right as text[]), :reason, :by) returning edge), "
        "named as (insert into identity.edge_record (tenant, record_id, edge) "
        "select :tenant, r, edge from made, unnest(cast(:left as text[]) || cast(:right as text[])) as r "
        "on conflict do nothing) select edge from made",
        tenant=tenant,
        kind=kind,
        left=list(left),
        right=list(right),
        reason=reason,
        by=by,
    )
    assert found is not None
    return found.edge


async def retract_edge(tx: Transaction, tenant: str, edge: int, by: str) -> EdgeRow | None:
    """Take back what a person said; None if there is no such edge in force."""
    found = await tx.row(
        "update identity.edge set retracted_at = now(), retracted_by = :by "
        "where tenant = :tenant and edge = :edge and retracted_at is null "
        "returning tenant, edge, kind, left_records, right_records",
        tenant=tenant,
        edge=edge,
        by=by,
    )
    return EdgeRow(**found._mapping) if found else None  # pyright: ignore[reportPrivateUsage]


async def edge_page(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Manual edges, newest first, those taken back included."""
    return await tx.rows(
        "select edge, kind, left_records, right_records, reason, made_by, made_at, retracted_by, retracted_at "
        "from identity.edge where tenant = :tenant and edge < :before order by edge desc limit :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )
