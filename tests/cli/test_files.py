"""Files: every encoding and every broken row, with the line it begins at, in memory that does not grow."""

import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voc_cli.load.command import entries
from voc_cli.load.files import LONGEST, FileFault, Row, Rows, inspect
from voc_cli.load.items import Mapper
from voc_cli.load.mapping import Mapping, find, read
from voc_cli.load.naming import Occurrences


def made(**fields: Any) -> Mapping:
    return read(msgspec.json.encode({"form": "csv", "rest": "/attributes", **fields}), "test")


def rows(file: Path, mapping: Mapping) -> list[Row]:
    found = Rows(file, inspect(file, mapping.encodings), mapping)
    try:
        return list(found)
    finally:
        found.close()


TEXT = "id,text\n1,gr\u00fc\u00dfe\n2,caf\u00e9\n"


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ["utf-8"]),
        ("utf-8-sig", ["utf-8"]),
        ("utf-16", ["utf-8"]),
        ("utf-16-be", ["utf-8"]),
        ("cp1252", ["utf-8", "cp1252"]),
        ("latin-1", ["ascii", "utf-8", "latin-1"]),
    ],
)
def test_every_encoding_is_read_alike(tmp_path: Path, encoding: str, declared: list[str]) -> None:
    file = tmp_path / "f.csv"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    file.write_bytes(mark + TEXT.encode(encoding))
    assert [r.content for r in rows(file, made(encodings=declared))] == [
        {"id": "1", "text": "gr\u00fc\u00dfe"},
        {"id": "2", "text": "caf\u00e9"},
    ]


def test_bytes_of_no_declared_encoding_cost_only_their_row(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(b"id,text\n1,fine\n2,br\xf6ken\n3,fine\n")
    assert [(r.line, r.fault) for r in rows(file, made())] == [
        (2, ""),
        (3, "holds bytes that are not utf-8"),
        (4, ""),
    ]


def test_a_file_that_is_none_of_its_encodings_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes("id\n1\n".encode("utf-16") + b"\x00")
    with pytest.raises(FileFault, match="not utf-16"):
        inspect(file, ["utf-8"])


def test_lines_are_those_where_rows_begin(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text('id,text\r\n1,"two\r\nlines"\r\n\r\n2,one\r\n3\r\n4,a,b\r\n5,last')
    found = rows(file, made())
    assert [(r.line, r.fault) for r in found] == [
        (2, ""),
        (5, ""),
        (6, "has 1 cells, the header 2"),
        (7, "has 3 cells, the header 2"),
        (8, ""),
    ]
    assert found[0].content == {"id": "1", "text": "two\r\nlines"}


def test_a_broken_quote_costs_its_row_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text('id,text\n1,"a"b\n2,fine\n')
    found = rows(file, made())
    assert [(r.line, bool(r.fault)) for r in found] == [(2, True), (3, False)]


def test_a_quote_that_never_closes_says_which_lines_it_swallowed(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text('id,text\n1,fine\n2,"open\n3,x\n4,y\n')
    found = rows(file, made())
    assert [r.line for r in found] == [2, 3]
    assert found[1].fault.startswith("lines 3 to 5: unexpected end of data")


@pytest.mark.parametrize(
    ("text", "fields", "why"),
    [
        ("a,b,a\n", {}, "names a twice"),
        ("x,y\n", {"required": ["id"]}, "needs the columns id; the header is x, y"),
        ("x,y\n", {"columns": {"id": "/id"}, "rest": ""}, "needs the columns id"),
        ('"a"b\n', {}, "header cannot be read"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, fields: dict[str, Any], why: str
) -> None:
    file = tmp_path / "f.csv"
    file.write_text(text)
    with pytest.raises(FileFault, match=why):
        rows(file, made(**fields))


def test_json_lines_with_broken_ones(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    long = '{"text": "' + "x" * LONGEST + '"}'
    file.write_text('{"id": 1}\r\n\n{"id": \n' + long + '\n{"id": 2, "text": "a\u2028b"}')
    found = rows(file, made(form="jsonl"))
    assert [(r.line, r.content) for r in found] == [
        (1, {"id": 1}),
        (3, None),
        (4, None),
        (5, {"id": 2, "text": "a\u2028b"}),
    ]
    assert found[1].fault.startswith("is not JSON")
    assert found[2].fault.startswith("is longer than")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=20), st.sampled_from(["utf-8-sig", "utf-16"]))
def test_what_a_writer_wrote_is_read(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]], encoding: str
) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *table])
    file = tmp_path_factory.mktemp("csv") / "f.csv"
    file.write_bytes(out.getvalue().encode(encoding))
    assert [tuple(r.content.values()) for r in rows(file, made())] == table


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_fault_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "f"
    file.write_bytes(content)
    for mapping in (made(), made(form="jsonl"), find("cfpb"), find("native")):
        try:
            found = Rows(file, inspect(file, mapping.encodings), mapping)
        except FileFault:
            continue
        made_entries = list(entries(found, Mapper(mapping)))
        lines = [e.line for e in made_entries]
        assert lines == sorted(set(lines))
        assert all(e.fault or e.item for e in made_entries)
        found.close()


def test_equal_rows_are_counted_apart_and_the_same_each_time() -> None:
    table = [{"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "1"}]
    first, second = Occurrences(), Occurrences()
    names = [first.name(row) for row in table]
    assert len(set(names)) == 4
    assert names == [second.name(row) for row in table]
    assert [n.rpartition("-")[2] for n in names] == ["1", "1", "2", "3"]
    assert first.name({"b": "1", "a": "2"}) == second.name({"a": "2", "b": "1"})


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        file = tmp_path / f"{count}.csv"
        with file.open("w") as out:
            out.write("text,product\n")
            out.writelines(f"row {i} {'x' * 200},p{i % 7}\n" for i in range(count))
        mapping = find("generic-csv")
        tracemalloc.start()
        opened = Rows(file, inspect(file, mapping.encodings), mapping)
        assert sum(1 for _ in entries(opened, Mapper(mapping))) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        opened.close()
        return found

    assert peak(20_000) < peak(2_000) * 1.5 + 500_000
