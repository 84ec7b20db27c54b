"""Sums of counters over spans of time: the number of rows read does not grow with the number of records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts, unnest

from voc_scorecard.domain.chains import WINDOWS
from voc_scorecard.domain.contributions import BEGAN, ENDED, REPLACED, REPLACING, SCORED, Moved
from voc_scorecard.domain.ranges import Span

Wanted = Mapping[str, Sequence[Span]]
"""Sums to take: a label and the spans of each."""
Sums = dict[tuple[str, str, str], list[int]]
"""(cell, metric or "", label) -> a sum for each counted column of the table."""


class Names(Struct, frozen=True):
    """Cells by their names, from `first` to `last` (both included), in the order of their code points."""

    first: str
    last: str

    def __contains__(self, cell: str) -> bool:
        return self.first <= cell <= self.last


def named(cell: str) -> Names:
    """One cell."""
    return Names(cell, cell)


def beginning(start: str) -> Names:
    """All cells whose names begin so."""
    return Names(start, start + "\U0010ffff")


_SPANS = {"label": "smallint", "grain": "smallint", "low": "int", "high": "int"}
_CELLS = {"first": "text", "last": "text"}


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
def _sums(table: str, window: int, asked: bool) -> str:
    summed = [" + ".join(f"c.{name}" for name in names) for names in _summed(table, window)]
    metric = ("metric",) if table == "score" else ()
    same = " and c.metric = :metric" if asked else ""
    # One index range for each span and name: the cells of a bucket lie beside each other. `offset 0` keeps the
    # planner from looking at the names only after all cells have been read.
    return (
        f"select {', '.join(('v.cell', 's.label', *metric))}, "
        f"{', '.join(f'sum(v.s{i})' for i in range(len(summed)))} "
        f"from {unnest(_SPANS, 's')} cross join {unnest(_CELLS, 'l')} cross join lateral ("
        f"select {', '.join(('cell', *metric, *(f'{e} as s{i}' for i, e in enumerate(summed))))} "
        f"from scorecard.{table} c where c.tenant = :tenant and c.grain = s.grain and c.bucket >= s.low "
        f"and c.bucket < s.high and c.cell >= l.first and c.cell <= l.last{same} offset 0) v "
        f"group by {', '.join(('v.cell', 's.label', *metric))}"
    )


async def sums(
    tx: Transaction,
    table: str,
    tenant: str,
    cells: Sequence[Names],
    wanted: Wanted,
    *,
    metric: str = "",
    window: int = 0,
    later: Mapping[str, Moved] | None = None,
) -> Sums:
    """Sums of volume or score, of one `metric` or each: of facts, and with `window` of the links that matter in
    windows of so many days.

    Links come behind the facts: what began, then what ended. Nothing counted is zero. `later` is what to add to the
    counters, as `as_of` makes it.
    """
    labels = list(wanted)
    spans = [(at, span) for at, label in enumerate(labels) for span in wanted[label]]
    summed = _summed(table, window)
    found: Sums = defaultdict(lambda: [0] * len(summed))
    asked = {"metric": metric} if metric else {}
    rows: Any = await tx.rows(
        _sums(table, window, bool(metric)),
        tenant=tenant,
        first=texts([each.first for each in cells]),
        last=texts([each.last for each in cells]),
        label=numbers([at for at, _ in spans]),
        grain=numbers([s.grain for _, s in spans]),
        low=numbers([s.low for _, s in spans]),
        high=numbers([s.high for _, s in spans]),
        **asked,
    )
    for cell, at, *counts in rows:
        of = counts.pop(0) if table == "score" else ""
        found[cell, of, labels[at]] = counts
    for key, columns in (later[table] if later else {}).items():
        # What `as_of` takes back has the same keys as the counters.
        *rest, grain, bucket = key[1:]
        of = rest[0] if rest else ""
        if metric and of != metric:
            continue
        moved = {cell for counts in columns.values() for cell in counts}
        moved = {cell for cell in moved if any(cell in each for each in cells)}
        for at, span in spans:
            if span.grain == grain and span.low <= bucket < span.high:
                for cell in moved:
                    counts = found[cell, of, labels[at]]
                    for i, names in enumerate(summed):
                        counts[i] += sum(columns[n].get(cell, 0) for n in names if n in columns)
    return found


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
