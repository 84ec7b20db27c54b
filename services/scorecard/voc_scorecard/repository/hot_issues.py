"""The tables of the watch over hot issues, and every SQL statement over them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction

from voc_scorecard.domain.issues import Issue, Reach

_encode = msgspec.json.Encoder().encode


class Watch(Struct, frozen=True):
    """How far a tenant's buckets have been judged; from `dirty_from` on they must be judged again."""

    tenant: str
    judged: int | None
    dirty_from: int | None
    marks: int
    zone: str


async def mark(tx: Transaction, earliest: Mapping[str, int]) -> None:
    """Note that people of these tenants were counted in buckets from here on.

    Only what lies in judged buckets asks for another judgement: late counts, corrections, history.
    """
    await tx.run(
        "insert into scorecard.watch (tenant) select * from unnest(cast(:tenants as text[])) "
        "as x(tenant) where not exists (select from scorecard.watch as w where w.tenant = x.tenant) "
        "on conflict do nothing",
        tenants=sorted(earliest),
    )
    judged = await _dirty(tx, earliest)
    # Two that hold a row together and both want to mark it would wait for each other: seldom, for nearly
    # always it is known before which of them will.
    held = await tx.rows(HOLD, tenants=sorted(earliest.keys() - judged))
    await _dirty(tx, {r.tenant: earliest[r.tenant] for r in held if _lies_in(earliest, r)})


HOLD = (
    "select tenant, judged from scorecard.watch where tenant = any(cast(:tenants as text[])) "
    "order by tenant for share"
)
"""Held until the counts are committed: a judgement of their buckets is not concluded before (`counted_in`)."""


def _lies_in(earliest: Mapping[str, int], row: Any) -> bool:
    return row.judged is not None and row.judged >= earliest[row.tenant]


async def _dirty(tx: Transaction, earliest: Mapping[str, int]) -> set[str]:
    """Ask for another judgement of these buckets where they are judged; returns the tenants of which they are."""
    if not earliest:
        return set()
    rows = await tx.rows(
        "update scorecard.watch as w set marks = marks + 1, dirty_from = least(w.dirty_from, x.bucket) "
        "from unnest(cast(:tenants as text[]), cast(:buckets as int[])) as x(tenant, bucket) "
        "where w.tenant = x.tenant and w.judged >= x.bucket returning w.tenant",
        tenants=sorted(earliest),
        buckets=[earliest[t] for t in sorted(earliest)],
    )
    return {r.tenant for r in rows}


async def through(tx: Transaction, topic: str, partitions: int) -> int | None:
    """Everything known before this time has been counted (UTC microseconds); None until all partitions ticked."""
    row = await tx.row(
        "select count(*) as n, min(through) as through from scorecard.watermark where topic = :topic",
        topic=topic,
    )
    return row.through if row and row.n >= partitions else None


async def due(tx: Transaction, bucket: int, topic: str, partitions: int) -> Watch | None:
    """A tenant with buckets to judge before `bucket`; none whose history load has not closed on all of `topic`.

    All are the partitions that there were when the load closed, `partitions` where its ticks do not say.
    """
    row = await tx.row(
        "select w.tenant, w.judged, w.dirty_from, w.marks, coalesce(s.zone, 'UTC') as zone "
        "from scorecard.watch as w left join scorecard.tenant_settings as s on s.tenant = w.tenant "
        "where (w.judged is null or w.judged < :bucket - 1 or w.dirty_from is not null) "
        "and not exists (select from scorecard.load_mark as l where l.tenant = w.tenant group by l.load "
        "having count(*) filter (where l.topic = :topic and l.partition >= 0) < "
        "coalesce(nullif(max(l.partitions) filter (where l.topic = :topic), 0), :partitions)) "
        "order by random() limit 1",
        bucket=bucket,
        topic=topic,
        partitions=partitions,
    )
    return (
        None if row is None else Watch(row.tenant, row.judged, row.dirty_from, row.marks, row.zone)
    )


async def state(tx: Transaction, tenant: str) -> Watch | None:
    """A tenant's watch."""
    row = await tx.row(
        "select tenant, judged, dirty_from, marks from scorecard.watch where tenant = :tenant",
        tenant=tenant,
    )
    return None if row is None else Watch(row.tenant, row.judged, row.dirty_from, row.marks, "")


async def unchanged(tx: Transaction, watch: Watch) -> bool:
    """Lock a tenant's watch; False if it was judged or marked since, then the judgement is of no use."""
    row = await tx.row(
        "select judged, marks from scorecard.watch where tenant = :tenant for update",
        tenant=watch.tenant,
    )
    return row is not None and (row.judged, row.marks) == (watch.judged, watch.marks)


async def counted_in(tx: Transaction, tenant: str, start: int, until: int) -> tuple[int, int]:
    """Everything counted in buckets [start, until) as two sums: equal as long as nothing was counted there."""
    row = await tx.row(
        "select coalesce(sum(people), 0)::bigint as people, "
        "coalesce(sum(people * (hashtextextended(cell, bucket) % 1000000007)), 0)::bigint as places "
        "from scorecard.pulse where tenant = :tenant and bucket >= :start and bucket < :until",
        tenant=tenant,
        start=start,
        until=until,
    )
    return (row.people, row.places) if row else (0, 0)


async def judged(tx: Transaction, watch: Watch, bucket: int) -> None:
    """Note that all buckets before `bucket` are judged; those behind it that were judged before are due again."""
    await tx.run(
        "update scorecard.watch set judged = greatest(judged, :judged), "
        "dirty_from = case when judged > :judged then :judged + 1 end where tenant = :tenant",
        tenant=watch.tenant,
        judged=bucket - 1,
    )


async def pulses(tx: Transaction, tenant: str, start: int, until: int) -> Sequence[Any]:
    """Buckets in [start, until) and the people in each, two arrays a cell."""
    return await tx.rows(
        "select cell, array_agg(bucket) as buckets, array_agg(people) as people from ("
        "select cell, bucket, sum(people)::int as people from scorecard.pulse where tenant = :tenant "
        "and bucket >= :start and bucket < :until group by cell, bucket having sum(people) <> 0) as x group by cell",
        tenant=tenant,
        start=start,
        until=until,
    )


async def first_pulse(tx: Transaction, tenant: str, since: int) -> int | None:
    """The earliest bucket from `since` on with anybody in it."""
    row = await tx.row(
        "select min(bucket) as bucket from scorecard.pulse where tenant = :tenant and bucket >= :since",
        tenant=tenant,
        since=since,
    )
    return row.bucket if row else None


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
