"""Counters: one sorted upsert per table and batch, in the worker's shard; reads sum over shards."""

from collections.abc import Sequence

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts, unnest

from voc_scorecard.domain.contributions import Moved

_AT = {"grain": "smallint", "bucket": "int"}
_SCORE = ("n", "promoters", "detractors")
COLUMNS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "volume": (_AT, ("records", "people", "singles")),
    "pulse": ({"bucket": "int"}, ("people",)),
    "score": ({"metric": "text"} | _AT, (*_SCORE, "singles")),
    "replaced": (
        {"metric": "text", "within": "smallint"} | _AT,
        (*(f"began_{c}" for c in _SCORE), *(f"ended_{c}" for c in _SCORE)),
    ),
    "again": ({"within": "smallint"} | _AT, ("began", "ended")),
}
"""Key columns beside tenant and cell with their types, then what is counted."""
COUNTS = {table: counts for table, (_, counts) in COLUMNS.items()}
"""What is counted, by table."""


def _upsert(table: str, keys: dict[str, str], counts: Sequence[str]) -> str:
    columns = {"tenant": "text", **keys, "cell": "text"}
    given = columns | dict.fromkeys(counts, "int")
    adds = ", ".join(f"{c} = c.{c} + excluded.{c}" for c in counts)
    return (
        f"insert into scorecard.{table} as c ({', '.join(given)}, shard) "
        f"select {', '.join(given)}, :shard from {unnest(given)} "
        f"on conflict ({', '.join(columns)}, shard) do update set {adds}"
    )


_UPSERTS = {table: _upsert(table, *columns) for table, columns in COLUMNS.items()}


async def add(tx: Transaction, table: str, moved: Moved) -> None:
    """Add counts to the counters of a table.

    Sorted by the key with the cell last: two workers that move the same counters take them in one order.
    """
    keys, counts = COLUMNS[table]
    cells: list[str] = []
    sizes: list[int] = []
    values: list[list[int]] = [[] for _ in counts]
    ordered = sorted(moved)
    for key in ordered:
        columns = moved[key]
        moving = sorted({cell for column in columns for cell, count in column.items() if count})
        cells += moving
        sizes.append(len(moving))
        for i, column in enumerate(columns):
            values[i] += map(column.__getitem__, moving)
    if not cells:
        return
    arrays = {name: numbers(found) for name, found in zip(counts, values, strict=True)}
    spread = zip(*ordered, strict=True)
    for (name, kind), column in zip((("tenant", "text"), *keys.items()), spread, strict=True):
        repeated = [v for v, size in zip(column, sizes, strict=True) for _ in range(size)]
        arrays[name] = texts(repeated) if kind == "text" else numbers(repeated)
    await tx.run(_UPSERTS[table], shard=tx.shard, cell=texts(cells), **arrays)
