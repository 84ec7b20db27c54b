"""Labelled rows from CSV, with every mistake named by its line."""

import csv
from collections.abc import Container, Iterable

from voc_taxonomy.domain.examples import Row
from voc_taxonomy.domain.model import UNKNOWN

MAX_PROBLEMS = 20
"""Problems that are told; the rest is counted."""

MAX_TEXT = 1_000_000
"""Characters that a field may have."""


class InvalidLabels(ValueError):
    """A file of labels has mistakes; `problems` names them, each with its line."""

    def __init__(self, problems: list[str]) -> None:
        shown = problems[:MAX_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        super().__init__("\n".join(shown))
        self.problems = tuple(problems)


def read(
    lines: Iterable[str],
    text: str = "text",
    cause: str = "cause",
    known: Container[str] | None = None,
    unknown: Container[str] = (UNKNOWN, "unknown"),
) -> list[Row]:
    """The rows of a CSV file with a header; other columns are ignored.

    `text` and `cause` name the columns. A cause in `unknown` labels a text that speaks of none. With
    `known` every other cause must be in it. InvalidLabels: with every line that is not usable.
    """
    csv.field_size_limit(MAX_TEXT)
    # csv refuses NUL with an error that ends the reading; here it is a mistake of its line like others.
    reader = csv.reader((line.replace("\0", "\ufffd") for line in lines), strict=True)
    problems: list[str] = []
    found: list[Row] = []
    try:
        columns = _Columns(next(reader, None) or [], text, cause)
        before = reader.line_num
        for fields in reader:
            line, before = before + 1, reader.line_num
            if fields:
                try:
                    found.append(_row(columns, fields, known, unknown))
                except ValueError as error:
                    problems.append(f"line {line}: {error}")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if not problems and not found:
        problems.append("line 1: no rows follow the header")
    if problems:
        raise InvalidLabels(problems)
    return found


class _Columns:
    """Where text and cause stand in a record."""

    def __init__(self, header: list[str], text: str, cause: str) -> None:
        names = [name.strip() for name in header]
        missing = ", ".join(repr(name) for name in (text, cause) if name not in names)
        if missing:
            raise InvalidLabels(
                [f"line 1: no column {missing}; found {', '.join(names) or 'nothing'}"]
            )
        self.text, self.cause, self.count = names.index(text), names.index(cause), len(names)


def _row(
    columns: _Columns, fields: list[str], known: Container[str] | None, unknown: Container[str]
) -> Row:
    if len(fields) != columns.count:
        raise ValueError(f"{len(fields)} fields, the header has {columns.count}")
    said, label = fields[columns.text].strip(), fields[columns.cause].strip()
    if not said:
        raise ValueError("the text is empty")
    if "\ufffd" in said:
        raise ValueError("the text holds a NUL or was decoded wrongly")
    if label in unknown:
        return Row(UNKNOWN, said)
    if known is not None and label not in known:
        raise ValueError(f"the taxonomy has no cause {label[:80]!r}")
    return Row(label, said)
