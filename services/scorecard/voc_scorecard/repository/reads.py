"""Sums of counters over spans of time: the number of rows read does not grow with the number of records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts, unnest

from voc_scorecard.domain.chains import WINDOWS
from voc_scorecard.domain.contributions import BEGAN, ENDED, REPLACED, REPLACING, SCORED, Moved
from voc_scorecard.domain.ranges import Span

Wanted = Mapping[str, Sequence[Span]]
"""Sums to take: a label and the spans of each."""
Sums = dict[tuple[str, str, str], list[int]]
"""(cell, metric or "", label) -> a sum for each counted column of the table."""

_SPANS = {"label": "text", "grain": "smallint", "low": "int", "high": "int"}


def _summed(table: str, window: int) -> list[tuple[str, ...]]:
    """What is summed of a table, each of these columns together: facts, then links within `window` days."""
    within = [days for days in WINDOWS if days <= window]
    if table == "volume":
        facts = ("records", "people", "singles")
        links = [tuple(side[w] for w in within) for side in (BEGAN, ENDED)]
    else:
        facts = (*SCORED, "singles")
        links = [
            tuple(side[w][i] for w in within)
            for side in (REPLACED, REPLACING)
            for i in range(len(SCORED))
        ]
    return [(name,) for name in facts] + (links if within else [])


@lru_cache
def _sums(table: str, window: int) -> str:
    summed = [" + ".join(f"c.{name}" for name in names) for names in _summed(table, window)]
    metric = "m.metric" if table == "score" else "''"
    source = f" cross join {unnest({'metric': 'text'}, 'm')}" if table == "score" else ""
    same = " and c.metric = m.metric" if table == "score" else ""
    # A lateral subquery: one short index range for each cell, metric and span.
    return (
        f"select l.cell, {metric}, s.label, {', '.join(f'sum(v.s{i})' for i in range(len(summed)))} "
        f"from {unnest({'cell': 'text'}, 'l')}{source} cross join {unnest(_SPANS, 's')} "
        f"cross join lateral (select {', '.join(f'sum({e}) as s{i}' for i, e in enumerate(summed))} "
        f"from scorecard.{table} c where c.tenant = :tenant and c.cell = l.cell{same} "
        "and c.grain = s.grain and c.bucket >= s.low and c.bucket < s.high) v "
        "where v.s0 is not null group by 1, 2, 3"
    )


async def sums(
    tx: Transaction,
    table: str,
    tenant: str,
    cells: Sequence[str],
    wanted: Wanted,
    *,
    metrics: Sequence[str] = (),
    window: int = 0,
    later: Mapping[str, Moved] | None = None,
) -> Sums:
    """Sums of volume or score: of facts, and with `window` of the links that matter in windows of so many days.

    Links come behind the facts: what began, then what ended. `later` is what to add to the counters, as
    `as_of` makes it.
    """
    spans = [(label, span) for label, each in wanted.items() for span in each]
    summed = _summed(table, window)
    found: Sums = defaultdict(lambda: [0] * len(summed))
    if not cells or not spans or (table == "score" and not metrics):
        return found
    rows: Any = await tx.rows(
        _sums(table, window),
        tenant=tenant,
        cell=texts(cells),
        metric=texts(metrics),
        label=texts([label for label, _ in spans]),
        grain=numbers([s.grain for _, s in spans]),
        low=numbers([s.low for _, s in spans]),
        high=numbers([s.high for _, s in spans]),
    )
    for cell, metric, label, *counts in rows:
        found[cell, metric, label] = [int(count or 0) for count in counts]
    for key, columns in (later[table] if later else {}).items():
        # What `as_of` takes back has the same keys as the counters.
        *rest, grain, bucket = key[1:]
        metric = rest[0] if rest else ""
        if metric and metric not in metrics:
            continue
        for label, span in spans:
            if span.grain == grain and span.low <= bucket < span.high:
                for cell in cells:
                    counts = found[cell, metric, label]
                    for i, names in enumerate(summed):
                        counts[i] += sum(columns[n].get(cell, 0) for n in names if n in columns)
    return found


async def cells(tx: Transaction, tenant: str, beginning: str) -> list[str]:
    """All cells of a tenant that begin so, without pairs: one index look-up each."""
    rows: Any = await tx.rows(
        "with recursive found(cell) as ("
        "(select cell from scorecard.volume where tenant = :tenant and cell >= :low and cell < :high "
        "order by cell limit 1) union all "
        "select (select v.cell from scorecard.volume v where v.tenant = :tenant and v.cell > found.cell "
        "and v.cell < :high order by v.cell limit 1) from found where found.cell is not null"
        ") select cell from found where cell is not null",
        tenant=tenant,
        low=beginning,
        high=beginning + "\U0010ffff",
    )
    return [cell for (cell,) in rows]


async def metrics(tx: Transaction, tenant: str, every: str) -> list[str]:
    """The questions that were answered, of the cell that counts `every` answer."""
    rows: Any = await tx.rows(
        "with recursive found(metric) as ("
        "(select metric from scorecard.score where tenant = :tenant and cell = :cell "
        "order by metric limit 1) union all "
        "select (select s.metric from scorecard.score s where s.tenant = :tenant and s.cell = :cell "
        "and s.metric > found.metric order by s.metric limit 1) from found where found.metric is not null"
        ") select metric from found where metric is not null",
        tenant=tenant,
        cell=every,
    )
    return [metric for (metric,) in rows]


async def by_bucket(
    tx: Transaction,
    tenant: str,
    cell: str,
    span: Span,
    later: Mapping[str, Moved] | None = None,
) -> dict[int, list[int]]:
    """Records, people and singles of a cell in each bucket of a span; buckets without any are left out."""
    rows: Any = await tx.rows(
        "select bucket, sum(records), sum(people), sum(singles) from scorecard.volume "
        "where tenant = :tenant and cell = :cell and grain = :grain and bucket >= :low and bucket < :high "
        "group by bucket order by bucket",
        tenant=tenant,
        cell=cell,
        grain=span.grain,
        low=span.low,
        high=span.high,
    )
    found = {bucket: [int(count) for count in counts] for bucket, *counts in rows}
    for key, columns in (later["volume"] if later else {}).items():
        _, grain, bucket = key
        if grain == span.grain and span.low <= bucket < span.high:
            counts = found.setdefault(bucket, [0, 0, 0])
            for i, name in enumerate(("records", "people", "singles")):
                counts[i] += columns[name].get(cell, 0) if name in columns else 0
    return found
