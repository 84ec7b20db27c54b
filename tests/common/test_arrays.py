"""Columns of a batch as parameters: what Postgres reads is what was given, whatever it is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from voc_common.postgres import Database
from voc_common.postgres.arrays import blobs, numbers, texts, unnest

MARKS = "\x1e\x1f\ue000\ue001"
NASTY = [
    "",
    "NULL",
    None,
    "null",
    '"',
    "\\",
    '\\"',
    "{a,b}",
    "\n\t\x01\x7f",
    "é\u2028😀",
    "a,b",
    " ",
    *MARKS,
]
"""Also what separates, and what stands for NULL."""
TEXT = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]) | st.sampled_from(MARKS)
)


@pytest.mark.parametrize("values", [NASTY, [], *([value] for value in NASTY)])
async def test_nasty_texts(database: Database, values: list[str | None]) -> None:
    assert await read(database, "text", texts(values)) == values


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXT | st.none()))
async def test_any_texts(database: Database, values: list[str | None]) -> None:
    assert await read(database, "text", texts(values)) == values


async def test_numbers_and_bytes(database: Database) -> None:
    assert await read(database, "bigint", numbers([1, None, -(2**62)])) == [1, None, -(2**62)]
    fractions = [0.1, None, -1e-9, 1e300, 5e-324, 3.0]
    assert await read(database, "float8", numbers(f for f in fractions)) == fractions
    assert await read(database, "bool", numbers([True, False])) == [True, False]
    assert await read(database, "bytea", blobs([b"", b"\x00\xff", b"'\\"])) == [
        b"",
        b"\x00\xff",
        b"'\\",
    ]
    assert await read(database, "bytea", blobs([])) == []


async def read(database: Database, kind: str, sent: object) -> list[object]:
    async with database.transaction() as tx:
        rows = await tx.rows(f"select a from {unnest({'a': kind})}", a=sent)
    return [row.a for row in rows]
