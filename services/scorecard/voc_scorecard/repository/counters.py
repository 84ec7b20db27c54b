"""Counters: one sorted upsert per table and batch, in the worker's shard; reads sum over shards."""

from collections.abc import Mapping, Sequence
from itertools import chain

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts, unnest

from voc_scorecard.domain.contributions import (
    BEGAN,
    ENDED,
    REPLACED,
    REPLACING,
    SCORED,
    Moved,
)
from voc_scorecard.domain.latest import Latest
from voc_scorecard.repository.groups import KEEP, PersonKey, keeping

_AT = {"grain": "smallint", "bucket": "int"}
COLUMNS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "volume": (_AT, ("records", "people", "singles", *BEGAN.values(), *ENDED.values())),
    "pulse": ({"bucket": "int"}, ("people",)),
    "score": (
        {"metric": "text"} | _AT,
        (*SCORED, "singles", *chain(*REPLACED.values(), *REPLACING.values())),
    ),
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


_ADD = (
    "with "
    + ", ".join(f"{table} as ({_upsert(table, *columns)})" for table, columns in COLUMNS.items())
    + f", kept as ({KEEP}) select"
)
"""Every table in one statement, one round trip: they stand in one order for all workers."""


async def add(
    tx: Transaction, moved: Mapping[str, Moved], latest: Mapping[PersonKey, Latest]
) -> None:
    """Add counts to the counters, by table, and store where the persons who were counted were last.

    Sorted by the key with the cell last: two workers that move the same counters take them in one order.
    """
    arrays: dict[str, str] = {}
    for table, (keys, counts) in COLUMNS.items():
        arrays |= _columns(table, keys, counts, moved[table])
    await tx.run(_ADD, shard=tx.shard, **arrays, **keeping(latest))


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
            each.extend(map(column.__getitem__, moving) if column else [0] * len(moving))
    arrays = {f"{table}_{name}": numbers(found) for name, found in zip(counts, values, strict=True)}
    named = {"tenant": "text", **keys}
    spread = zip(*ordered, strict=True) if ordered else [()] * len(named)
    for (name, kind), column in zip(named.items(), spread, strict=True):
        repeated = [v for v, size in zip(column, sizes, strict=True) for _ in range(size)]
        arrays[f"{table}_{name}"] = texts(repeated) if kind == "text" else numbers(repeated)
    return arrays | {f"{table}_cell": texts(cells)}
