"""Labelled rows from CSV: every mistake is named by its line."""

import codecs
from pathlib import Path

import pytest
from voc_taxonomy import models
from voc_taxonomy.domain.examples import Row
from voc_taxonomy.domain.labels import InvalidLabels, read
from voc_taxonomy.domain.model import UNKNOWN

from tests.taxonomy import lessons


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_rows_by_named_columns() -> None:
    csv = 'id,said,label\n1,"late, again",delay\n\n2, hello ,unknown\n3,"two\nlines",delay\n'
    assert read(lines(csv), "said", "label") == [
        Row("delay", "late, again"),
        Row(UNKNOWN, "hello"),
        Row("delay", "two\nlines"),
    ]


def test_every_mistake_with_its_line() -> None:
    csv = 'text,cause\nfine,a\n,a\n"two\nlines",b\nx,a,more\nx\0y,a\nlast,zzz\n'
    with pytest.raises(InvalidLabels) as raised:
        read(lines(csv), known={"a", "b"})
    assert raised.value.problems == (
        "line 3: the text is empty",
        "line 6: 3 fields, the header has 2",
        "line 7: the text holds a NUL or was decoded wrongly",
        "line 8: the taxonomy has no cause 'zzz'",
    )


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ("", "line 1: no column 'text', 'cause'; found nothing"),
        ("a,b\n1,2\n", "line 1: no column 'text', 'cause'; found a, b"),
        ("text,label\n1,2\n", "line 1: no column 'cause'; found text, label"),
        ("text,cause\n", "line 1: no rows follow the header"),
        ('text,cause\nx,"open\n', "line 2: unexpected end of data"),
        ('text,cause\nx,"a"b\n', "line 2: "),
    ],
)
def test_files_that_cannot_be_read(csv: str, said: str) -> None:
    with pytest.raises(InvalidLabels) as raised:
        read(lines(csv))
    assert raised.value.problems[0].startswith(said)


def test_many_mistakes_are_counted() -> None:
    with pytest.raises(InvalidLabels) as raised:
        read(lines("text,cause\n" + ",a\n" * 50))
    assert len(raised.value.problems) == 50
    assert str(raised.value).endswith("line 21: the text is empty\nand 30 more")


def test_encodings(tmp_path: Path) -> None:
    content = "text,cause\nZu spät geliefert – “wieder”,wrong-charge\n"
    path = tmp_path / "labels.csv"
    for data in (
        content.encode(),
        codecs.BOM_UTF8 + content.encode(),
        content.encode("utf-16"),
        codecs.BOM_UTF16_BE + content.encode("utf-16-be"),
    ):
        path.write_bytes(data)
        (row,) = models.read_labels(path, taxonomy=lessons.taxonomy())
        assert row == Row("wrong-charge", "Zu spät geliefert – “wieder”")
    path.write_bytes(b"text,cause\nfine,wrong-charge\n\xff\xfa,wrong-charge\n")
    with pytest.raises(InvalidLabels, match="line 3: not utf-8"):
        models.read_labels(path)


def test_line_separators_within_a_field_are_no_ends(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("text,cause\nbefore\u2028after\x0bmore,wrong-charge\n", "utf-8", newline="")
    assert [r.text for r in models.read_labels(path)] == ["before\u2028after\x0bmore"]
