"""Items, their trail, and what people flagged."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction

from voc_backlog.domain.issues import Subject
from voc_backlog.domain.items import Item, Term
from voc_backlog.domain.states import AT_REST
from voc_backlog.repository.subjects import IS_WANTED, WANTED, wanted

_ITEM = ", ".join(Item.__struct_fields__)
_OF_X = ", ".join(f"x.{f}" for f in Item.__struct_fields__)


class Trail(Struct, frozen=True, kw_only=True):
    """An entry of an item's audit trail: who did what, when (ISO 8601) and why."""

    version: int
    made_by: str
    made_at: str
    from_state: str
    to_state: str
    why: str
    changes: dict[str, list[Any]]


class Flag(Struct, frozen=True, kw_only=True):
    """What a person flagged: a note, and numbers."""

    flag: int
    note: str
    told: dict[str, float]
    made_by: str
    made_at: str


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _item(row: Any) -> Item:
    found = dict(zip(Item.__struct_fields__, row, strict=True))
    found["terms"] = msgspec.convert(found["terms"], tuple[Term, ...])
    found["issues"] = tuple(found["issues"])
    return Item(**found)


async def items_by_id(tx: Transaction, keys: Collection[tuple[str, str]]) -> list[Item]:
    """Items by tenant and id."""
    ordered = sorted(set(keys))
    rows = await tx.rows(
        f"select {_OF_X} from backlog.item as x join "
        "unnest(cast(:tenants as text[]), cast(:ids as text[])) as w(tenant, item) "
        "on x.tenant = w.tenant and x.item = w.item",
        tenants=[t for t, _ in ordered],
        ids=[i for _, i in ordered],
    )
    return [_item(r) for r in rows]


async def items_about(tx: Transaction, subjects: Collection[Subject]) -> list[Item]:
    """All items of these subjects, by ordinal."""
    rows = await tx.rows(
        f"select {_OF_X} from backlog.item as x join {WANTED} on {IS_WANTED} order by x.ordinal",
        **wanted(subjects),
    )
    return [_item(r) for r in rows]


async def save_items(tx: Transaction, items: Sequence[Item]) -> None:
    """Write items; those that come to rest first, so that a subject never has two open ones."""
    resting = [i for i in items if i.state in AT_REST]
    opened = [i for i in items if i.state not in AT_REST]
    assigned = ", ".join(f"{f} = excluded.{f}" for f in Item.__struct_fields__[6:])
    for group in (resting, opened):
        if group:
            await tx.run(
                f"insert into backlog.item ({_ITEM}) select {_ITEM} from "
                "jsonb_populate_recordset(cast(null as backlog.item), cast(:rows as jsonb)) "
                f"order by tenant, item on conflict (tenant, item) do update set {assigned}",
                rows=_json(group),
            )


async def add_trail(tx: Transaction, entries: Mapping[tuple[str, str], Trail]) -> None:
    """Add to the audit trails of items; (tenant, item) -> entry."""
    ordered = sorted(entries)
    found = [entries[k] for k in ordered]
    await tx.run(
        "insert into backlog.trail (tenant, item, version, made_by, from_state, to_state, why, changes) "
        "select t, i, v, b, f, s, y, cast(c as jsonb) from unnest(cast(:tenants as text[]), "
        "cast(:items as text[]), cast(:versions as bigint[]), cast(:bys as text[]), "
        "cast(:froms as text[]), cast(:tos as text[]), cast(:whys as text[]), "
        "cast(:changes as text[])) as x(t, i, v, b, f, s, y, c)",
        tenants=[t for t, _ in ordered],
        items=[i for _, i in ordered],
        versions=[e.version for e in found],
        bys=[e.made_by for e in found],
        froms=[e.from_state for e in found],
        tos=[e.to_state for e in found],
        whys=[e.why for e in found],
        changes=[_json(e.changes) for e in found],
    )


async def add_flag(
    tx: Transaction, tenant: str, item: str, note: str, told: Mapping[str, float], by: str
) -> None:
    """Keep what a person flagged."""
    await tx.run(
        "insert into backlog.flag (tenant, item, note, told, made_by) "
        "values (:tenant, :item, :note, cast(:told as jsonb), :by)",
        tenant=tenant,
        item=item,
        note=note,
        told=_json(told),
        by=by,
    )


async def page(
    tx: Transaction,
    tenant: str,
    *,
    states: Sequence[str],
    owner: str | None,
    stage: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> list[Item]:
    """Items by falling priority behind `after` (priority, item)."""
    rows = await tx.rows(
        f"select {_ITEM} from backlog.item where tenant = :tenant "
        "and state = any(cast(:states as text[])) "
        "and (cast(:owner as text) is null or owner = :owner) "
        "and (cast(:stage as text) is null or stage = :stage) "
        "and (not :behind or priority < :priority or (priority = :priority and item > :item)) "
        "order by priority desc, item limit :limit",
        tenant=tenant,
        states=list(states),
        owner=owner,
        stage=stage,
        behind=after is not None,
        priority=after[0] if after else 0.0,
        item=after[1] if after else "",
        limit=limit,
    )
    return [_item(r) for r in rows]


async def flags(tx: Transaction, tenant: str, item: str, limit: int) -> list[Flag]:
    """What people flagged, newest first."""
    rows = await tx.rows(
        "select flag, note, told, made_by, made_at from backlog.flag "
        "where tenant = :tenant and item = :item order by flag desc limit :limit",
        tenant=tenant,
        item=item,
        limit=limit,
    )
    return [
        Flag(
            flag=r.flag,
            note=r.note,
            told=r.told,
            made_by=r.made_by,
            made_at=r.made_at.isoformat().replace("+00:00", "Z"),
        )
        for r in rows
    ]


async def trail(tx: Transaction, tenant: str, item: str, before: int, limit: int) -> list[Trail]:
    """Entries of an item's audit trail before a version, newest first."""
    rows = await tx.rows(
        "select version, made_by, made_at, from_state, to_state, why, changes from backlog.trail "
        "where tenant = :tenant and item = :item and version < :before "
        "order by version desc limit :limit",
        tenant=tenant,
        item=item,
        before=before,
        limit=limit,
    )
    return [
        Trail(
            version=r.version,
            made_by=r.made_by,
            made_at=r.made_at.isoformat().replace("+00:00", "Z"),
            from_state=r.from_state,
            to_state=r.to_state,
            why=r.why,
            changes=r.changes,
        )
        for r in rows
    ]
