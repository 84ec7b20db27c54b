"""Counters: one sorted upsert per table and batch, in the worker's shard; reads sum over shards."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts, unnest

from voc_scorecard.domain.chains import WINDOWS
from voc_scorecard.domain.contributions import (
    BEGAN,
    ENDED,
    REPLACED,
    REPLACING,
    SCORED,
    Moved,
)
from voc_scorecard.repository.groups import KEEP, Kept, keeping
from voc_scorecard.repository.pulses import TELL, telling

_AT = {"grain": "smallint", "bucket": "int"}
_FACTS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "volume": (_AT, ("records", "people", "singles")),
    "pulse": ({"bucket": "int"}, ("people",)),
    "score": ({"metric": "text"} | _AT, (*SCORED, "singles")),
}
_LINKS = {
    "volume": {w: (BEGAN[w], ENDED[w]) for w in WINDOWS},
    "pulse": dict[int, tuple[str, ...]](),
    "score": {w: (*REPLACED[w], *REPLACING[w]) for w in WINDOWS},
}
COLUMNS = {
    table: (keys, (*facts, *chain(*_LINKS[table].values())))
    for table, (keys, facts) in _FACTS.items()
}
"""Key columns beside tenant and cell with their types, then what is counted."""


def _upsert(table: str, keys: dict[str, str], counts: Sequence[str]) -> str:
    columns = {"tenant": "text", **keys, "cell": "text"}
    given = columns | dict.fromkeys(counts, "int")
    adds = ", ".join(f"{c} = c.{c} + excluded.{c}" for c in counts)
    return (
        f"insert into scorecard.{table} as c ({', '.join(given)}, shard) "
        f"select {', '.join(given)}, :shard from {unnest(given, named=f'{table}_')} "
        f"on conflict ({', '.join(columns)}, shard) do update set {adds}"
    )


@lru_cache(maxsize=64)
def _add(counted: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """Every table in one statement, one round trip: they stand in one order for all workers."""
    parts = [
        f"{table} as ({_upsert(table, _FACTS[table][0], counts)})" for table, counts in counted
    ]
    return f"with {', '.join(parts)}, pulse as ({TELL}), kept as ({KEEP}) select"


async def add(tx: Transaction, moved: Mapping[str, Moved], kept: Sequence[Kept]) -> None:
    """Add counts to the counters, by table, and store where the persons who were counted were last.

    Sorted by the key with the cell last: two workers that move the same counters take them in one order.
    """
    arrays: dict[str, str] = {}
    counted: list[tuple[str, tuple[str, ...]]] = []
    for table in ("volume", "score"):
        keys, facts = _FACTS[table]
        # Most batches move links of a window or two; the columns of the others are left out.
        there = {name for columns in moved[table].values() for name in columns}
        links = [names for names in _LINKS[table].values() if not there.isdisjoint(names)]
        counts = (*facts, *chain(*links))
        counted.append((table, counts))
        arrays |= _columns(table, keys, counts, moved[table])
    await tx.run(
        _add(tuple(counted)),
        shard=tx.shard,
        **arrays,
        **telling(moved["pulse"]),
        **keeping(kept),
    )


def _columns(
    table: str, keys: Mapping[str, str], counts: Sequence[str], moved: Moved
) -> dict[str, str]:
    cells: list[str] = []
    sizes: list[int] = []
    values: list[list[int]] = [[] for _ in counts]
    ordered = sorted(moved)
    for key in ordered:
        columns = moved[key]
        moving = sorted({c for column in columns.values() for c, count in column.items() if count})
        cells += moving
        sizes.append(len(moving))
        for name, each in zip(counts, values, strict=True):
            column = columns.get(name)
            each.extend([column.get(cell, 0) for cell in moving] if column else [0] * len(moving))
    arrays = {f"{table}_{name}": numbers(found) for name, found in zip(counts, values, strict=True)}
    named = {"tenant": "text", **keys}
    spread = zip(*ordered, strict=True) if ordered else [()] * len(named)
    for (name, kind), column in zip(named.items(), spread, strict=True):
        repeated = [v for v, size in zip(column, sizes, strict=True) for _ in range(size)]
        arrays[f"{table}_{name}"] = texts(repeated) if kind == "text" else numbers(repeated)
    return arrays | {f"{table}_cell": texts(cells)}
