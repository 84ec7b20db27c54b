"""Items, the issues that are their evidence, their trail, and what people flagged."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction

from voc_backlog.domain.issues import Issue, Subject
from voc_backlog.domain.items import Item, Term
from voc_backlog.domain.states import AT_REST

_ISSUE = ", ".join(Issue.__struct_fields__)
_ITEM = ", ".join(Item.__struct_fields__)
_OF_I = ", ".join(f"i.{f}" for f in Item.__struct_fields__)
_WANTED = (
    "unnest(cast(:tenants as text[]), cast(:causes as text[]), cast(:stages as text[]), "
    "cast(:products as text[])) as w(tenant, cause, stage, product)"
)
_IS_WANTED = "(x.tenant, x.cause, x.stage, x.product) = (w.tenant, w.cause, w.stage, w.product)"

_LATEST = "(excluded.version, excluded.changed_at) > (i.version, i.changed_at)"
_FIRST = "excluded.first_version < i.first_version"
_JOINED = ", ".join(
    [
        *(
            f"{c} = case when {_LATEST} then excluded.{c} else i.{c} end"
            for c in (
                "version", "state", "onset", "changed_at", "people", "expected", "p_real", "evidence",
            )
        ),
        *(
            f"{c} = case when {_FIRST} then excluded.{c} else i.{c} end"
            for c in ("first_version", "cause", "stage", "product")
        ),
        "detected_at = least(i.detected_at, excluded.detected_at)",
        "people_peak = greatest(i.people_peak, excluded.people_peak)",
        "p_real_peak = greatest(i.p_real_peak, excluded.p_real_peak)",
    ]
)  # fmt: skip


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


def _wanted(subjects: Iterable[Subject]) -> dict[str, list[str]]:
    ordered = sorted(set(subjects))
    return {
        "tenants": [s[0] for s in ordered],
        "causes": [s[1] for s in ordered],
        "stages": [s[2] for s in ordered],
        "products": [s[3] for s in ordered],
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _issue(row: Any) -> Issue:
    return Issue(**dict(zip(Issue.__struct_fields__, row, strict=True)))


def _item(row: Any) -> Item:
    found = dict(zip(Item.__struct_fields__, row, strict=True))
    found["terms"] = msgspec.convert(found["terms"], tuple[Term, ...])
    found["issues"] = tuple(found["issues"])
    return Item(**found)


async def lock(tx: Transaction, subjects: Collection[Subject]) -> None:
    """Take the row of each subject, sorted: who files, judges or acts on its items is alone with them.

    What is read of a subject must be read after this, in a new statement: its snapshot then holds what
    the one before us committed.
    """
    wanted = _wanted(subjects)
    await tx.run(
        f"insert into backlog.subject (tenant, cause, stage, product) select * from {_WANTED} "
        "order by tenant, cause, stage, product on conflict do nothing",
        **wanted,
    )
    await tx.rows(
        f"select 1 from backlog.subject as x join {_WANTED} on {_IS_WANTED} "
        "order by x.tenant, x.cause, x.stage, x.product for no key update of x",
        **wanted,
    )


async def join_issues(tx: Transaction, issues: Sequence[Issue]) -> tuple[set[str], set[Subject]]:
    """Join issues with what is known of them; the ids of those that changed, and all subjects concerned.

    Those are the subjects of the issues before and now, and of the items they are pinned to.
    """
    rows = await tx.rows(
        f"insert into backlog.issue as i ({_ISSUE}) select {_ISSUE} from "
        "jsonb_populate_recordset(cast(null as backlog.issue), cast(:rows as jsonb)) "
        "order by tenant, issue on conflict (tenant, issue) do update set "
        f"{_JOINED} where {_LATEST} or {_FIRST} or excluded.detected_at < i.detected_at "
        "or excluded.people_peak > i.people_peak or excluded.p_real_peak > i.p_real_peak "
        "returning new.tenant, new.issue, new.cause, new.stage, new.product, "
        "old.cause as old_cause, old.stage as old_stage, old.product as old_product, "
        "case when new.pinned then new.item else '' end as home",
        rows=_json(issues),
    )
    concerned = {(r.tenant, r.cause, r.stage, r.product) for r in rows}
    concerned |= {
        (r.tenant, r.old_cause, r.old_stage, r.old_product) for r in rows if r.old_cause is not None
    }
    homes = [(r.tenant, r.home) for r in rows if r.home]
    if homes:
        concerned |= {i.subject for i in await items_by_id(tx, homes)}
    return {r.issue for r in rows}, concerned


async def items_by_id(tx: Transaction, keys: Collection[tuple[str, str]]) -> list[Item]:
    """Items by tenant and id."""
    ordered = sorted(set(keys))
    rows = await tx.rows(
        f"select {_OF_I} from backlog.item as i join "
        "unnest(cast(:tenants as text[]), cast(:ids as text[])) as w(tenant, item) "
        "on i.tenant = w.tenant and i.item = w.item",
        tenants=[t for t, _ in ordered],
        ids=[i for _, i in ordered],
    )
    return [_item(r) for r in rows]


async def items_about(tx: Transaction, subjects: Collection[Subject]) -> list[Item]:
    """All items of these subjects, by ordinal."""
    rows = await tx.rows(
        f"select {', '.join(f'x.{f}' for f in Item.__struct_fields__)} from backlog.item as x "
        f"join {_WANTED} on {_IS_WANTED} order by x.ordinal",
        **_wanted(subjects),
    )
    return [_item(r) for r in rows]


async def issues_about(
    tx: Transaction, subjects: Collection[Subject], items: Collection[Item]
) -> list[Issue]:
    """The free issues of these subjects, and those pinned to these items."""
    of_x = ", ".join(f"x.{f}" for f in Issue.__struct_fields__)
    ordered = sorted((i.tenant, i.item) for i in items)
    rows = await tx.rows(
        f"select {of_x} from backlog.issue as x join {_WANTED} on {_IS_WANTED} where not x.pinned "
        f"union all select {of_x} from backlog.issue as x join "
        "unnest(cast(:owners as text[]), cast(:ids as text[])) as h(tenant, item) "
        "on x.tenant = h.tenant and x.item = h.item where x.pinned",
        **_wanted(subjects),
        owners=[t for t, _ in ordered],
        ids=[i for _, i in ordered],
    )
    return [_issue(r) for r in rows]


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


async def place_issues(tx: Transaction, homes: Mapping[tuple[str, str], tuple[str, bool]]) -> None:
    """Write where issues count: (tenant, issue) -> (item, whether pinned)."""
    ordered = sorted(homes)
    await tx.run(
        "update backlog.issue as x set item = h.item, pinned = h.pinned from "
        "unnest(cast(:tenants as text[]), cast(:issues as text[]), cast(:items as text[]), "
        "cast(:pins as bool[])) as h(tenant, issue, item, pinned) "
        "where x.tenant = h.tenant and x.issue = h.issue",
        tenants=[t for t, _ in ordered],
        issues=[i for _, i in ordered],
        items=[homes[k][0] for k in ordered],
        pins=[homes[k][1] for k in ordered],
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


async def evidence(tx: Transaction, tenant: str, item: str, limit: int) -> list[Issue]:
    """The latest issues of an item, newest first."""
    rows = await tx.rows(
        f"select {_ISSUE} from backlog.issue where tenant = :tenant and item = :item "
        "order by detected_at desc, issue limit :limit",
        tenant=tenant,
        item=item,
        limit=limit,
    )
    return [_issue(r) for r in rows]


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
