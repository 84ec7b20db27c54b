"""How far each tenant's buckets are judged, and the counts that judgements are made of."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from voc_common.postgres import Transaction

from voc_scorecard.repository.pulses import FELT

Pulses = tuple[str, NDArray[np.int32], NDArray[np.int32]]
"""A cell, buckets by number from 1970, and the people in each."""


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
    left = await _unheld(tx, earliest)
    left -= await _dirty(tx, {t: earliest[t] for t in left})
    if left:
        await tx.run(
            "insert into scorecard.watch (tenant) select * from unnest(cast(:tenants as text[])) "
            "on conflict do nothing",
            tenants=sorted(left),
        )
        # Another may have made the row, and even judged: what it guards is asked for again.
        left = await _unheld(tx, {t: earliest[t] for t in left})
        await _dirty(tx, {t: earliest[t] for t in left})


async def _unheld(tx: Transaction, earliest: Mapping[str, int]) -> set[str]:
    """Hold the rows of tenants whose buckets are not judged yet; returns the other tenants.

    Held until the counts are committed: a judgement of these buckets is not concluded before (`counted_in`).
    Those to be marked are not held: two that hold a row and both want to mark it wait for each other.
    """
    held = await tx.rows(
        "select w.tenant from scorecard.watch as w "
        "join unnest(cast(:tenants as text[]), cast(:buckets as int[])) as x(tenant, bucket) "
        "on w.tenant = x.tenant where w.judged is null or w.judged < x.bucket "
        "order by w.tenant for share of w",
        tenants=sorted(earliest),
        buckets=[earliest[t] for t in sorted(earliest)],
    )
    return earliest.keys() - {r.tenant for r in held}


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
        f"from {FELT} where tenant = :tenant and bucket >= :start and bucket < :until",
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


async def pulses(tx: Transaction, tenant: str, start: int, until: int) -> list[Pulses]:
    """People in buckets [start, until), of each cell where there are any."""
    rows = await tx.rows(
        "select cell, array_send(array_agg(bucket)) as buckets, array_send(array_agg(people)) as people from ("
        f"select cell, bucket, sum(people)::int as people from {FELT} where tenant = :tenant "
        "and bucket >= :start and bucket < :until group by cell, bucket having sum(people) <> 0) as x group by cell",
        tenant=tenant,
        start=start,
        until=until,
    )
    return [(r.cell, _integers(r.buckets), _integers(r.people)) for r in rows]


def _integers(sent: bytes) -> NDArray[np.int32]:
    """An array of integers as Postgres sends it: a head of five words, then the length and the value of each."""
    return np.frombuffer(sent, ">i4", offset=20)[1::2]


async def first_pulse(tx: Transaction, tenant: str, since: int) -> int | None:
    """The earliest bucket from `since` on with anybody in it."""
    row = await tx.row(
        "select least((select min(bucket) from scorecard.pulse where tenant = :tenant and bucket >= :since), "
        "(select min(bucket) from scorecard.pulse_told where tenant = :tenant and bucket >= :since)) as bucket",
        tenant=tenant,
        since=since,
    )
    return row.bucket if row else None
