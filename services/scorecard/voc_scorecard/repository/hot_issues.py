"""Alarms, hot issues, and what people say of them."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from voc_common.postgres import Transaction

from voc_scorecard.domain.issues import Issue, Reach

_encode = msgspec.json.Encoder().encode


async def causes(tx: Transaction, tenant: str) -> Sequence[Any]:
    """The causes of the tenant's taxonomy."""
    return await tx.rows(
        "select cause, name, parent, stages, kind, owner from scorecard.cause where tenant = :tenant",
        tenant=tenant,
    )


async def alarms(tx: Transaction, tenant: str, since: int, before: int) -> list[bytes]:
    """Alarms of the buckets in [since, before), in order."""
    rows = await tx.rows(
        "select alarm from scorecard.alarm where tenant = :tenant and bucket >= :since and bucket < :before "
        "order by bucket, cell",
        tenant=tenant,
        since=since,
        before=before,
    )
    return [r.alarm for r in rows]


async def replace_alarms(
    tx: Transaction,
    tenant: str,
    since: int,
    before: int,
    found: Sequence[tuple[int, str, bytes]],
) -> None:
    """The alarms of all buckets in [since, before): (bucket, cell, alarm)."""
    await tx.run(
        "delete from scorecard.alarm where tenant = :tenant and bucket >= :since and bucket < :before",
        tenant=tenant,
        since=since,
        before=before,
    )
    if found:
        await tx.run(
            "insert into scorecard.alarm (tenant, bucket, cell, alarm) select :tenant, * from unnest("
            "cast(:buckets as int[]), cast(:cells as text[]), cast(:alarms as bytea[]))",
            tenant=tenant,
            buckets=[b for b, _, _ in found],
            cells=[c for _, c, _ in found],
            alarms=[a for _, _, a in found],
        )


async def reach(
    tx: Transaction,
    tenant: str,
    cause: str,
    stage: str,
    segment: str,
    product: str,
    since: int,
    until: int,
) -> Reach:
    """Whom an outbreak touched: distinct people (those without a person singly), accounts and revenue."""
    await tx.joining()
    row = await tx.row(
        "with hit as (select record_id, occurred_at, case when person = '' then record_id else person end as who, "
        "account from scorecard.record where tenant = :tenant and rev_version <> '' and not suspect "
        "and stakeholder = 'customer' and occurred_at >= :since and occurred_at <= :until "
        "and (:cause = '' or causes @> jsonb_build_array(jsonb_build_array(cast(:cause as text)))) "
        "and (:cause <> '' or stage = :stage) and (:segment = '' or segment = :segment) "
        "and (:product = '' or product = :product)), "
        "firms as (select distinct account from hit where account <> ''), "
        "paying as (select distinct on (r.account) r.account, r.mrr from scorecard.record as r join firms using (account) "
        "where r.tenant = :tenant and r.mrr is not null order by r.account, r.occurred_at desc, r.record_id desc) "
        "select (select count(distinct who) from hit) as people, (select count(*) from firms) as accounts, "
        "(select coalesce(sum(mrr), 0) from paying) as revenue, (select count(*) from paying) as paying, "
        "(select array_agg(record_id) from (select record_id from hit order by occurred_at desc, record_id desc "
        "limit 10) as x) as records",
        tenant=tenant,
        cause=cause,
        stage=stage,
        segment=segment,
        product=product,
        since=since,
        until=until,
    )
    if row is None:
        return Reach()
    known = row.paying / row.accounts if row.accounts else 0.0
    return Reach(
        row.people, row.accounts, float(row.revenue), round(known, 4), tuple(row.records or ())
    )


async def issues(tx: Transaction, tenant: str) -> dict[str, Any]:
    """All issues of a tenant by id."""
    rows = await tx.rows("select * from scorecard.hot_issue where tenant = :tenant", tenant=tenant)
    return {r.issue: r for r in rows}


async def save(tx: Transaction, tenant: str, found: Issue, version: int, now: int) -> None:
    """Write an issue as it stands now."""
    await tx.run(
        "insert into scorecard.hot_issue as h values (:tenant, :issue, :version, :state, :cause, :stage, :product, "
        ":segment, :onset, :detected_at, :seen_at, :now, :people, :expected, :p_real, cast(:evidence as jsonb)) "
        "on conflict (tenant, issue) do update set version = excluded.version, state = excluded.state, "
        "stage = excluded.stage, product = excluded.product, segment = excluded.segment, onset = excluded.onset, "
        "detected_at = excluded.detected_at, seen_at = excluded.seen_at, changed_at = excluded.changed_at, people = excluded.people, "
        "expected = excluded.expected, p_real = excluded.p_real, evidence = excluded.evidence",
        tenant=tenant,
        version=version,
        now=now,
        **{f: getattr(found, f) for f in Issue.__struct_fields__ if f != "evidence"},
        evidence=_encode(found.evidence).decode(),
    )


async def page(
    tx: Transaction,
    tenant: str,
    states: Collection[str],
    least_people: int,
    before: tuple[int, str],
    limit: int,
) -> Sequence[Any]:
    """Issues in these states, the latest detected first, with the item and owner that the backlog gave them."""
    return await tx.rows(
        f"{_WITH_ITEM} where h.tenant = :tenant and h.state = any(cast(:states as text[])) and h.people >= :least "
        "and (h.detected_at, h.issue) < (:at, :issue) order by h.detected_at desc, h.issue desc limit :limit",
        tenant=tenant,
        states=list(states),
        least=least_people,
        at=before[0],
        issue=before[1],
        limit=limit,
    )


async def one(tx: Transaction, tenant: str, issue: str) -> Any:
    """An issue with its item, or None."""
    return await tx.row(
        f"{_WITH_ITEM} where h.tenant = :tenant and h.issue = :issue", tenant=tenant, issue=issue
    )


_WITH_ITEM = (
    "select h.*, (select i.state from scorecard.item_ref as i where i.tenant = h.tenant "
    "and i.state -> 'issues' ? h.issue order by i.version desc, i.item limit 1) as item "
    "from scorecard.hot_issue as h"
)


async def verdicts(tx: Transaction, tenant: str, issue: str) -> Sequence[Any]:
    """What people said of an issue."""
    return await tx.rows(
        "select made_by, made_at, verdict, note from scorecard.verdict where tenant = :tenant and issue = :issue "
        "order by made_at",
        tenant=tenant,
        issue=issue,
    )


async def say(tx: Transaction, tenant: str, issue: str, verdict: str, note: str, by: str) -> None:
    """Store a person's verdict; a later one of the same person replaces it."""
    await tx.run(
        "insert into scorecard.verdict (tenant, issue, made_by, verdict, note) values (:tenant, :issue, :by, :verdict, :note) "
        "on conflict (tenant, issue, made_by) do update set verdict = excluded.verdict, note = excluded.note, made_at = now()",
        tenant=tenant,
        issue=issue,
        by=by,
        verdict=verdict,
        note=note,
    )
