"""Mappings: how the columns of a file become items of the API, as data."""

from importlib import resources
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

FIELDS = frozenset(
    """source id kind created_at occurred_at updated_at channel text score product team segment stakeholder
    attributes""".split()  # noqa: SIM905
)
"""First parts of the pointers that a column may go to; identifiers have a list of their own."""

As = Literal["text", "number", "flag", "time", "json"]


class MappingError(ValueError):
    """A mapping is not there or does not make sense; the message says where."""


class Column(Struct, frozen=True, forbid_unknown_fields=True, rename={"as_": "as"}):
    """Where a column goes.

    `to` is a JSON pointer into the item. `as_` is what its text means: a number, a flag (true/false,
    yes/no, 1/0), a time in one of the mapping's formats, or JSON. `values` replaces values by others.
    """

    to: str
    as_: As = "text"
    values: dict[str, str] = {}


class IdentifierColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column that names a person or an account."""

    column: str
    type: Literal["external", "email", "phone", "name", "account"]
    issuer: str = ""
    verified: bool | None = None


Target = str | Column


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How a file's rows become items.

    A column is named as in the header; in JSONL by a JSON pointer or the name of a top-level member, ""
    being the whole line. What a column says goes before `constants`. A `score` without a value is none; what
    a row does not say of its scale is taken from `scales` by its kind, and from `score`. Times without an
    offset are times of `zone`; formats are those of strptime, "iso", "unix" and "unix_ms". `nothing` are the
    values that mean none. `rest` is where columns go that are not named here; without it they are left out.
    `encodings` are tried in order on files without a byte order mark.
    """

    form: Literal["csv", "jsonl"]
    description: str = ""
    record: Literal["feedback", "activity"] = "feedback"
    columns: dict[str, Target | list[Target]] = {}
    identifiers: tuple[IdentifierColumn, ...] = ()
    constants: dict[str, Any] = {}
    score: dict[str, Any] = {}
    scales: dict[str, dict[str, Any]] = {}
    source: str = ""
    source_settings: dict[str, Any] = {}
    zone: str = ""
    times: tuple[str, ...] = ("iso",)
    nothing: tuple[str, ...] = ("",)
    rest: str = ""
    required: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("utf-8",)
    delimiter: str = ","


def targets(found: Target | list[Target]) -> list[Column]:
    """The targets of a column in their long form."""
    several = found if isinstance(found, list) else [found]
    return [Column(t) if isinstance(t, str) else t for t in several]


def telling(mapping: Mapping) -> set[str]:
    """The columns that become the text or the score of feedback: without any there is nothing to count or read."""
    return {
        name
        for name, column in mapping.columns.items()
        for t in targets(column)
        if mapping.record == "feedback" and t.to in ("/text", "/score/value", "/score")
    }


def pointer(value: str) -> tuple[str, ...]:
    """The parts of a JSON pointer (RFC 6901); raises `MappingError`."""
    if value and not value.startswith("/"):
        raise MappingError(f"{value!r} is not a JSON pointer: it must begin with /")
    return tuple(p.replace("~1", "/").replace("~0", "~") for p in value.split("/")[1:])


def check(mapping: Mapping) -> None:
    """Refuse what could not work on any file; raises `MappingError`."""
    places = [t.to for column in mapping.columns.values() for t in targets(column)]
    if any(t.to == "" for name, column in mapping.columns.items() if name for t in targets(column)):
        raise MappingError('only "", the whole line, can go to "", the whole item')
    for place in (*places, *mapping.constants, mapping.rest or "/attributes"):
        parts = pointer(place)
        if place and parts[0] not in FIELDS:
            raise MappingError(
                f"{place} is no field of an item; there are {', '.join(sorted(FIELDS))}"
            )
        if len(parts) > 1 and parts[0] not in ("score", "attributes"):
            raise MappingError(f"{place}: only score and attributes have parts")
    if mapping.zone:
        try:
            ZoneInfo(mapping.zone)
        except (KeyError, ValueError, OSError) as error:
            raise MappingError(f"{mapping.zone} is not an IANA zone") from error
    if mapping.form == "csv" and (len(mapping.delimiter) != 1 or "" in mapping.columns):
        raise MappingError("a CSV has a delimiter of one character, and columns with names")
    for name in mapping.encodings:
        try:
            "".encode(name)
        except LookupError as error:
            raise MappingError(f"{name} is not an encoding") from error


def read(raw: bytes, name: str) -> Mapping:
    """A mapping from its JSON; raises `MappingError`."""
    try:
        found = msgspec.json.decode(raw, type=Mapping)
        check(found)
    except (msgspec.DecodeError, MappingError) as error:
        raise MappingError(f"mapping {name}: {error}") from error
    return found


def named() -> dict[str, Mapping]:
    """The mappings that come with voc."""
    folder = resources.files("voc_cli") / "mappings"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return {f.name.removesuffix(".json"): read(f.read_bytes(), f.name) for f in files}


def find(name: str) -> Mapping:
    """A mapping by its name, or by the path of its file; raises `MappingError`."""
    path = Path(name)
    if path.suffix == ".json":
        try:
            return read(path.read_bytes(), name)
        except OSError as error:
            raise MappingError(f"{name} cannot be read: {error.strerror}") from error
    there = named()
    if name not in there:
        raise MappingError(
            f"there is no mapping {name}; there are {', '.join(there)}, or give a .json file"
        )
    return there[name]
