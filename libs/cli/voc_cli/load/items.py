"""From a row of a file to an item of the API, by a mapping."""

import math
from collections.abc import Callable
from typing import Any, cast

import msgspec

from voc_cli.load import times
from voc_cli.load.mapping import As, IdentifierColumn, Mapping, pointer, targets

_FLAGS = {
    "true": True,
    "yes": True,
    "y": True,
    "1": True,
    "false": False,
    "no": False,
    "n": False,
    "0": False,
}
_FREE = "attributes"
_NONE = object()

Put = Callable[[dict[str, Any], Any], None]


class RowFault(ValueError):
    """A row cannot become an item; the message says which column and why."""


class Mapper:
    """A mapping made ready for many rows. `source`, where given, is that of every row."""

    def __init__(self, mapping: Mapping, source: str = "") -> None:
        self._mapping = mapping
        self._source = source
        self._nothing = frozenset(mapping.nothing)
        self._moment = times.reader(mapping.times, mapping.zone)
        self._constants = [(pointer(to), value) for to, value in mapping.constants.items()]
        self._columns: list[tuple[str, tuple[str, ...], As, dict[str, str], tuple[str, ...]]] = [
            (name, self._path(name), t.as_, t.values, pointer(t.to))
            for name, column in mapping.columns.items()
            for t in targets(column)
            if t.to
        ]
        self._whole = mapping.columns.get("") == ""
        self._named = {*mapping.columns, *(i.column for i in mapping.identifiers)}
        self._rest = pointer(mapping.rest) if mapping.rest else None

    def item(self, row: Any) -> dict[str, Any]:
        """The item of a row, without an `id` if the row has none; raises `RowFault`."""
        if not isinstance(row, dict):
            raise RowFault("a line must hold a JSON object")
        item: dict[str, Any] = dict(row) if self._whole else {}  # pyright: ignore[reportUnknownArgumentType]
        for parts, value in self._constants:
            if parts[0] not in item or len(parts) > 1:
                _place(item, parts, value)
        for name, path, kind, values, to in self._columns:
            value = self._value(row, path)
            if value is not _NONE:
                try:
                    _place(item, to, self._convert(value, kind, values, free=to[0] == _FREE))
                except ValueError as error:
                    raise RowFault(f"{name}: {error}") from error
        if self._rest is not None:
            self._place_rest(item, cast("dict[str, Any]", row), self._rest)
        self._finish(item, row)
        return item

    def _place_rest(self, item: dict[str, Any], row: dict[str, Any], to: tuple[str, ...]) -> None:
        for name in row.keys() - self._named:
            value = self._value(row, (name,))
            if value is not _NONE:
                _place(item, (*to, name), value)

    def _finish(self, item: dict[str, Any], row: Any) -> None:
        named = [self._identifier(row, one) for one in self._mapping.identifiers]
        found = [identifier for identifier in named if identifier]
        if found:
            item["identifiers"] = [*item.get("identifiers", []), *found]
        if not self._whole:
            self._scale(item)
        if self._source:
            item["source"] = self._source
        elif not item.get("source"):
            if not self._mapping.source:
                raise RowFault("it names no source, and neither does the mapping: give --source")
            item["source"] = self._mapping.source

    def _scale(self, item: dict[str, Any]) -> None:
        said = item.pop("score", {})
        if "value" in said:
            known = self._mapping.score | said
            item["score"] = self._mapping.scales.get(str(known.get("kind")), {}) | known

    def _path(self, column: str) -> tuple[str, ...]:
        pointed = column.startswith("/") and self._mapping.form == "jsonl"
        return pointer(column) if pointed else (column,)

    def _identifier(self, row: Any, one: IdentifierColumn) -> dict[str, Any] | None:
        value = self._value(row, self._path(one.column))
        if value is _NONE:
            return None
        try:
            found: dict[str, Any] = {"type": one.type, "value": _text(value)}
        except ValueError as error:
            raise RowFault(f"{one.column}: {error}") from error
        if one.issuer:
            found["issuer"] = one.issuer
        if one.verified is not None:
            found["verified"] = one.verified
        return found

    def _value(self, row: Any, path: tuple[str, ...]) -> Any:
        for part in path:
            if not isinstance(row, dict) or part not in row:
                return _NONE
            row = row[part]  # pyright: ignore[reportUnknownVariableType]
        if row is None or (isinstance(row, str) and row.strip() in self._nothing):
            return _NONE
        return row  # pyright: ignore[reportUnknownVariableType]

    def _convert(self, value: Any, kind: As, values: dict[str, str], *, free: bool) -> Any:
        if values and isinstance(value, str):
            value = values.get(value.strip(), value)
        if kind == "time":
            return self._moment(value)
        if kind == "number":
            return _number(value)
        if kind == "flag":
            return value if isinstance(value, bool) else _flag(str(value))
        if kind == "json" and isinstance(value, str):
            return msgspec.json.decode(value)
        return value if free or kind == "json" else _text(value)


def _place(item: dict[str, Any], parts: tuple[str, ...], value: Any) -> None:
    for part in parts[:-1]:
        inner = item.setdefault(part, {})
        if not isinstance(inner, dict):
            raise RowFault(f"/{'/'.join(parts)} lies within another value")
        item = inner  # pyright: ignore[reportUnknownVariableType]
    item[parts[-1]] = value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError("is not a text")


def _number(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is not a number") from error
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is not a number")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _flag(value: str) -> bool:
    found = _FLAGS.get(value.strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is neither yes nor no")
    return found
