"""Hot issues: the join of their versions, and where they count as evidence."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from voc_common.postgres import Transaction

from voc_backlog.domain.issues import Issue, Subject
from voc_backlog.domain.items import Item
from voc_backlog.repository.items import items_by_id
from voc_backlog.repository.subjects import IS_WANTED, WANTED, wanted

_ISSUE = ", ".join(Issue.__struct_fields__)
_OF_X = ", ".join(f"x.{f}" for f in Issue.__struct_fields__)
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
        "fired_at = greatest(i.fired_at, excluded.fired_at)",
    ]
)  # fmt: skip


def _issue(row: Any) -> Issue:
    return Issue(**dict(zip(Issue.__struct_fields__, row, strict=True)))


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
        "or excluded.fired_at > i.fired_at "
        "returning new.tenant, new.issue, new.cause, new.stage, new.product, "
        "old.cause as old_cause, old.stage as old_stage, old.product as old_product, "
        "case when new.pinned then new.item else '' end as home",
        rows=msgspec.json.encode(issues).decode(),
    )
    concerned = {(r.tenant, r.cause, r.stage, r.product) for r in rows}
    concerned |= {
        (r.tenant, r.old_cause, r.old_stage, r.old_product) for r in rows if r.old_cause is not None
    }
    homes = [(r.tenant, r.home) for r in rows if r.home]
    if homes:
        concerned |= {i.subject for i in await items_by_id(tx, homes)}
    return {r.issue for r in rows}, concerned


async def issues_about(
    tx: Transaction, subjects: Collection[Subject], items: Collection[Item]
) -> list[Issue]:
    """The free issues of these subjects, and those pinned to these items."""
    ordered = sorted((i.tenant, i.item) for i in items)
    rows = await tx.rows(
        f"select {_OF_X} from backlog.issue as x join {WANTED} on {IS_WANTED} where not x.pinned "
        f"union all select {_OF_X} from backlog.issue as x join "
        "unnest(cast(:owners as text[]), cast(:ids as text[])) as h(tenant, item) "
        "on x.tenant = h.tenant and x.item = h.item where x.pinned",
        **wanted(subjects),
        owners=[t for t, _ in ordered],
        ids=[i for _, i in ordered],
    )
    return [_issue(r) for r in rows]


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
