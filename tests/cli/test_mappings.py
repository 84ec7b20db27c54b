"""Mappings: data that is checked before any row is sent, and does to a row what it says."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_cli.load import mapping as mappings
from voc_cli.load.items import Mapper, RowFault
from voc_cli.load.mapping import Mapping, MappingError


def made(**fields: Any) -> Mapping:
    return mappings.read(msgspec.json.encode({"form": "csv", "source": "s", **fields}), "test")


def item(mapping: Mapping, row: Any, source: str = "") -> dict[str, Any]:
    return Mapper(mapping, source).item(row)


def test_every_mapping_that_comes_along_is_sound_and_described() -> None:
    there = mappings.named()
    assert there.keys() == {"cfpb", "generic-csv", "native", "native-activity"}
    assert all(m.description for m in there.values())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"columns": {"a": "text"}}, "must begin with /"),
        ({"columns": {"a": "/txt"}}, "no field of an item"),
        ({"columns": {"a": "/product/name"}}, "only score and attributes have parts"),
        ({"columns": {"a": {"to": "/text", "as": "date"}}}, "Invalid enum value 'date'"),
        ({"columns": {"a": ""}}, 'only "", the whole line'),
        ({"columns": {"": ""}}, "columns with names"),
        ({"constants": {"/nothing": 1}}, "no field of an item"),
        ({"rest": "/remainder"}, "no field of an item"),
        ({"zone": "Europe/Atlantis"}, "not an IANA zone"),
        ({"delimiter": "||"}, "one character"),
        ({"encodings": ["klingon"]}, "not an encoding"),
        ({"colums": {}}, "unknown field `colums`"),
    ],
)
def test_what_could_not_work_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(MappingError, match=why):
        made(**fields)


def test_a_mapping_is_found_by_name_or_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"form": "jsonl", "columns": {"body": "/text"}}')
    assert mappings.find(str(file)).columns == {"body": "/text"}
    assert mappings.find("cfpb").source == "cfpb"
    with pytest.raises(MappingError, match="there are cfpb, generic-csv"):
        mappings.find("cfbp")
    with pytest.raises(MappingError, match="cannot be read"):
        mappings.find(str(tmp_path / "none.json"))


def test_columns_go_where_they_are_told() -> None:
    mapping = made(
        columns={
            "Ticket": "/id",
            "Area": ["/product", "/attributes/area/name"],
            "Way": {"to": "/channel", "values": {"E": "email"}},
            "Paid": {"to": "/attributes/paid", "as": "flag"},
            "Tags": {"to": "/attributes/tags", "as": "json"},
            "Amount": {"to": "/attributes/amount", "as": "number"},
        },
        constants={"/kind": "ticket", "/channel": "web", "/attributes/import": "2026"},
    )
    row = {"Ticket": "7", "Area": "Cards", "Way": "E", "Paid": "Yes", "Tags": '["a"]'}
    assert item(mapping, row | {"Amount": "12.50"}) == {
        "id": "7",
        "product": "Cards",
        "channel": "email",
        "kind": "ticket",
        "source": "s",
        "attributes": {
            "area": {"name": "Cards"},
            "paid": True,
            "tags": ["a"],
            "amount": 12.5,
            "import": "2026",
        },
    }
    assert item(mapping, {"Ticket": "7"})["channel"] == "web"


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ({"to": "/attributes/n", "as": "number"}, "12,5", "Col: '12,5' is not a number"),
        ({"to": "/attributes/n", "as": "number"}, "nan", "not a number"),
        ({"to": "/attributes/f", "as": "flag"}, "maybe", "neither yes nor no"),
        ({"to": "/created_at", "as": "time"}, "yesterday", "Col: 'yesterday' is not a time"),
        ({"to": "/created_at", "as": "time"}, "2026-01-01 10:00", "has no offset"),
        ({"to": "/attributes/j", "as": "json"}, "{", "Col: Input data was truncated"),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_named(
    column: dict[str, Any], value: str, why: str
) -> None:
    with pytest.raises(RowFault, match=why):
        item(made(columns={"Col": column}), {"Col": value})


def test_values_that_mean_nothing_leave_nothing() -> None:
    mapping = made(columns={"A": "/text", "B": "/product"}, nothing=["", "N/A"])
    assert item(mapping, {"A": " N/A ", "B": "  "}) == {"source": "s"}


def test_a_score_never_travels_without_its_scale_nor_a_scale_without_score() -> None:
    mapping = mappings.find("generic-csv")
    assert "score" not in item(mapping, {"score": "", "score_kind": "stars"})
    assert item(mapping, {"score": "9"})["score"] == {
        "value": 9,
        "kind": "NPS",
        "min": 0,
        "max": 10,
    }
    stars = item(mapping, {"score": "4", "score_kind": "stars", "score_max": "6"})["score"]
    assert stars == {"value": 4, "kind": "stars", "min": 1, "max": 6}


def test_identifiers_carry_their_type_issuer_and_proof() -> None:
    mapping = made(
        identifiers=[
            {"column": "mail", "type": "email", "verified": False},
            {"column": "crm", "type": "external", "issuer": "crm"},
        ]
    )
    assert item(mapping, {"mail": "a@b.example", "crm": "17"})["identifiers"] == [
        {"type": "email", "value": "a@b.example", "verified": False},
        {"type": "external", "value": "17", "issuer": "crm"},
    ]
    assert "identifiers" not in item(mapping, {"mail": "", "crm": ""})


def test_the_rest_goes_to_its_place_and_is_left_out_without_one() -> None:
    row = {"A": "x", "B": "y", "C": ""}
    assert item(made(columns={"A": "/text"}, rest="/attributes"), row)["attributes"] == {"B": "y"}
    assert "attributes" not in item(made(columns={"A": "/text"}), row)


def test_json_lines_are_reached_by_pointers_and_keep_their_types() -> None:
    mapping = made(
        form="jsonl",
        columns={
            "/ticket/id": "/id",
            "/ticket/a~1b": "/text",
            "stamp": {"to": "/updated_at", "as": "time"},
            "more": "/attributes/more",
        },
        times=["unix_ms", "iso"],
    )
    row = {"ticket": {"id": 12, "a/b": "hm"}, "stamp": 1_700_000_000_000, "more": {"x": [1, None]}}
    assert item(mapping, row) == {
        "id": "12",
        "text": "hm",
        "updated_at": "2023-11-14T22:13:20Z",
        "attributes": {"more": {"x": [1, None]}},
        "source": "s",
    }
    with pytest.raises(RowFault, match="is not a text"):
        item(mapping, {"ticket": {"id": ["a"]}})


def test_native_lines_stay_as_they_are() -> None:
    native = mappings.find("native")
    line = {"source": "crm", "id": "1", "kind": "ticket", "score": {"value": 1}, "new": True}
    assert item(native, line) == line
    assert item(native, line, "other")["source"] == "other"
    with pytest.raises(RowFault, match="give --source"):
        item(native, {"id": "1"})
    with pytest.raises(RowFault, match="must hold a JSON object"):
        item(native, [1])


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())
    )
)
def test_whatever_a_row_holds_it_is_an_item_or_a_row_fault(row: dict[str, Any]) -> None:
    for mapping in mappings.named().values():
        try:
            found = item(mapping, row | {"source": "x"})
        except RowFault:
            continue
        assert found["source"]


def test_the_public_complaints_are_mapped() -> None:
    row = {
        "Complaint ID": "3571115",
        "Date received": "2020/3/18",
        "Product": "Debt collection",
        "Sub-product": "Other debt",
        "Issue": "Communication tactics",
        "Sub-issue": "",
        "Consumer complaint narrative": "",
        "Company": "ACME BANK",
        "State": "FL",
        "ZIP code": "330XX",
        "Tags": "Older American",
        "Submitted via": "Postal mail",
        "Consumer disputed?": "N/A",
    }
    assert item(mappings.find("cfpb"), row) == {
        "source": "cfpb",
        "id": "3571115",
        "kind": "complaint",
        "created_at": "2020-03-18T04:00:00Z",
        "channel": "post",
        "product": "Debt collection",
        "segment": "Older American",
        "attributes": {
            "product": "Debt collection",
            "sub_product": "Other debt",
            "issue": "Communication tactics",
            "company": "ACME BANK",
            "state": "FL",
            "zip_code": "330XX",
            "tags": "Older American",
        },
    }
