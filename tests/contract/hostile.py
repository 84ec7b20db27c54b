"""Hostile requests, made from a good one: bodies, fields, parameters."""

import gzip
import json
import pickle
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}
TOO_LARGE = 10 * 1024 * 1024
LONG = "x" * 300_000
SURROGATE = r'"lone \ud800"'
DEPTHS = (100, 250, 400, 980, 2_000, 20_000)
"""Around the limits of the parsers and encoders that a value passes on its way in and out again."""


@dataclass(frozen=True)
class Raw:
    """JSON as it stands, also where it is none; takes the place of a value."""

    text: str | bytes

    def encoded(self) -> bytes:
        """Its bytes."""
        return self.text.encode() if isinstance(self.text, str) else self.text


@dataclass(frozen=True)
class Attack:
    """A body, and the statuses that may answer it."""

    name: str
    content: bytes | AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    statuses: Sequence[int] = (400, 422)


def encode(value: Any) -> bytes:
    """JSON in which `Raw` stands as it is."""
    raws: list[bytes] = []

    def kept(raw: Any) -> str:
        assert isinstance(raw, Raw)
        raws.append(raw.encoded())
        return f"@raw{len(raws) - 1}@"

    text = json.dumps(value, default=kept).encode()
    for number, raw in enumerate(raws):
        text = text.replace(f'"@raw{number}@"'.encode(), raw)
    return text


async def _in_pieces(content: bytes) -> AsyncIterator[bytes]:
    """Sent chunked, so that its length is not told beforehand."""
    for start in range(0, len(content), 1 << 18):
        yield content[start : start + (1 << 18)]


def whole_bodies(good: Any) -> Iterator[Attack]:
    """Bodies that are no JSON, not UTF-8, not an object, too large, or in a disguise."""
    plain = encode(good)
    large = plain + b" " * (TOO_LARGE - len(plain))
    for name, content in {
        "nothing": b"",
        "cut off": plain[:-1],
        "two documents": plain + plain,
        "a NUL behind": plain + b"\x00",
        "not JSON": b"{'a': 1}",
        "an array": b"[" + plain + b"]",
        "null": b"null",
        "a number": b"1",
        "a string": b'"x"',
        "not UTF-8": plain[:-1] + b', "x": "\xff\xfe"}',
        "overlong UTF-8": plain[:-1] + b', "x": "\xc0\x80"}',
        "Latin-1": plain[:-1] + ', "x": "ü"}'.encode("latin-1"),
        "very deep arrays": b"[" * 200_000,
        "very deep objects": b'{"a":' * 200_000,
        "a comment": b"/* */" + plain,
    }.items():
        yield Attack(name, content)
    yield Attack("NULs alone", b"\x00" * 64, statuses=(400, 415, 422))
    for coding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        yield Attack(coding, plain.decode().encode(coding), statuses=(400, 415, 422))
    disguised = {"content-type": "application/json; charset=utf-16"}
    yield Attack("utf-16, declared", plain.decode().encode("utf-16"), disguised, (400, 415, 422))
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "nonsense",
    ):
        yield Attack(f"as {kind}", plain, {"content-type": kind}, (415, 422))
    for coding in ("gzip", "br", "deflate"):
        yield Attack(f"said to be {coding}", plain, {**JSON, "content-encoding": coding}, (415,))
    zipped = {**JSON, "content-encoding": "gzip"}
    yield Attack("gzip", gzip.compress(plain), zipped, (415,))
    yield Attack("a gzip bomb", gzip.compress(b" " * 50_000_000), zipped, (415,))
    yield Attack("10 MB", large, statuses=(413,))
    yield Attack("10 MB, length not told", _in_pieces(large), statuses=(413,))


def files(good: bytes) -> Iterator[Attack]:
    """Files that are not the good one: broken, of another kind, or lying about their sizes."""
    header = int.from_bytes(good[:8], "little")
    told = good[8 : 8 + header]
    binary = {"content-type": "application/octet-stream"}
    for name, content in {
        "nothing": b"",
        "a few bytes": b"\x00" * 7,
        "cut off in the header": good[:100],
        "cut off in the tensors": good[:-1],
        "more behind": good + b"\x00",
        "random bytes": random.Random(1).randbytes(50_000),
        "a pickle": pickle.dumps({"weights": [1.0]}),
        "a zip file": b"PK\x03\x04" + b"\x00" * 100,
        "a header of 16 EiB": b"\xff" * 8 + good[8:],
        "a header of half": (header // 2).to_bytes(8, "little") + good[8:],
        "a header that is no JSON": header.to_bytes(8, "little") + b"\xff" * header,
        "a very deep header": (200_000).to_bytes(8, "little") + b"[" * 200_000,
        "another version": good.replace(told, told.replace(b"F32", b"F64")),
        "a changed weight": good[:-4] + b"\x00\x00\xc0\x7f",
        "JSON": b'{"model": 1}',
    }.items():
        yield Attack(name, content, binary)
    yield Attack("gzip", gzip.compress(good), {**binary, "content-encoding": "gzip"}, (415,))
    yield Attack("70 MB", b"\x00" * 70_000_000, binary, (413,))
    yield Attack("70 MB, length not told", _in_pieces(b"\x00" * 70_000_000), binary, (413,))


def fields(good: Any, free: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """The good body with one thing wrong, and where; within `free` objects anything is allowed."""
    yield from _within(good, good, "", free)


def _within(root: Any, value: Any, at: str, free: frozenset[str]) -> Iterator[tuple[str, Any]]:
    if _plain(at) in free:
        return
    for what, wrong in _wrong(value):
        yield f"{at or '/'}: {what}", _with(root, at, wrong)
    if isinstance(value, dict):
        for name, raw in {
            "unknown field": "surprise",
            "unknown field with NUL": "a\x00b",
            "unknown field without name": "",
            "unknown field of a prototype": "__proto__",
        }.items():
            yield f"{at or '/'}: {name}", _with(root, at, {**value, raw: 1})
        torn = encode(value)[:-1] + b', "\\ud800": 1}'
        yield f"{at or '/'}: unknown field of half a character", _with(root, at, Raw(torn))
        for name, inner in value.items():
            twice = encode(value)[:-1] + f", {json.dumps(name)}: {{}}}}".encode()
            if not isinstance(inner, dict):
                yield f"{at}/{name}: twice, the second wrong", _with(root, at, Raw(twice))
            yield from _within(root, inner, f"{at}/{name}", free)
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _within(root, inner, f"{at}/{index}", free)


def _plain(at: str) -> str:
    return "/".join("*" if part.isdigit() else part for part in at.split("/"))


def _wrong(value: Any) -> Iterator[tuple[str, Any]]:
    """Values that cannot stand where this one stands, and what to call them."""
    if isinstance(value, bool):
        wrong: list[Any] = ["maybe", 2, [], {}]
    elif isinstance(value, int | float):
        wrong = [
            *(Raw(n) for n in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")),
            *(Raw(n) for n in ("1" + "0" * 400, "-1" + "0" * 400, "9" * 5000)),
            *("abc", "", [], {}),
        ]
    elif isinstance(value, str):
        wrong = [f"{value}\x00", "\x00", LONG, Raw(SURROGATE), Raw(b'"\xff"'), 1, True, [], {}]
    elif isinstance(value, list):
        wrong = ["abc", 1, {}]
        yield "one wrong more", [*value, [[]]]
        yield "20000 of them", (value or [""]) * 20_000
    else:
        wrong = ["abc", 1, [], [value]]
    yield from ((_told(one), one) for one in wrong)


def _told(value: Any) -> str:
    shown = value.encoded().decode("latin-1") if isinstance(value, Raw) else json.dumps(value)
    return shown if len(shown) < 40 else f"{shown[:20]}... ({len(shown)} characters)"


def _with(root: Any, at: str, value: Any) -> Any:
    """A copy of the body with another value at a place."""
    if not at:
        return value
    copy = deepcopy(root)
    *path, last = [int(p) if p.isdigit() else p for p in at.split("/")[1:]]
    place = copy
    for part in path:
        place = place[part]
    place[last] = value
    return copy


def strange_but_free(good: Any, free: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Strange values in objects whose content is the sender's: taken or refused, never a fault."""
    for at in _places(good, "", free):
        for depth in DEPTHS:
            deep = Raw('{"a":' + "[" * depth + "]" * depth + "}")
            yield f"{at}: {depth} deep", _with(good, at, deep)
        for what in (
            '{"a": NaN}',
            '{"a": -Infinity}',
            '{"a": 1e999}',
            '{"a": 1' + "0" * 400 + "}",
            '{"a": 18446744073709551616}',
            '{"a": 1e308}',
            '{"a": -0.0}',
            '{"a": "\\u0000"}',
            '{"a\\u0000b": 1}',
            '{"a": "lone \\udfff"}',
            '{"\\ud800": 1}',
            '{"a": 1, "a": 2}',
            '{"": ""}',
            '{"__proto__": {"admin": true}}',
        ):
            yield f"{at}: {what[:40]}", _with(good, at, Raw(what))


def _places(value: Any, at: str, free: frozenset[str]) -> Iterator[str]:
    if _plain(at) in free:
        yield at
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _places(inner, f"{at}/{name}", free)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, f"{at}/{index}", free)


def in_path(schema: Mapping[str, Any]) -> list[str]:
    """Percent-encoded values for a place in a path; none of them names anything."""
    strange = [
        *("%00", "a%00b", "%ff%fe", "%c0%80", "%ed%a0%80", "%0a", "%20", "%F0%9F%92%A9"),
        *("x" * 5000, "-1", "0", "1.5", "NaN", "9" * 30, "null", "%7B%7D"),
        *("..%2f..%2fadmin", "%2e%2e", "'%20or%201=1--", "%25s%25n", "A" * 32, "0" * 31),
    ]
    if schema.get("type") == "integer":
        strange += ["9" * 19, "-9223372036854775809", "0x1", "%31%00", "%D9%A1%D9%A2x"]
    return strange


def in_query(schema: Mapping[str, Any], required: bool) -> list[str]:
    """Percent-encoded values that this parameter must refuse."""
    kinds = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    kind = kinds[0].get("items", kinds[0])
    if kind.get("type") in ("integer", "number"):
        wrong = ["abc", "NaN", "9" * 400, "-" + "9" * 400, "", "%00", "1%00", "[]", "1e999"]
        if "minimum" in kind:
            wrong += [str(kind["minimum"] - 1), "-1" if kind["minimum"] >= 0 else "abc"]
        if "maximum" in kind:
            wrong += [str(kind["maximum"] + 1)]
        return wrong
    if kind.get("type") == "boolean":
        return ["maybe", "2", "%00"]
    if "enum" in kind or "const" in kind:
        return ["no-such", "%00", "x" * 5000, "%ff"]
    if kind.get("format") in ("date-time", "date"):
        return [
            *("1", "1760000000", "86400"),
            "yesterday",
            "%00",
            "NaN",
            "2025-13-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
            "x" * 5000,
        ]
    wrong = ["%00", "a%00b", "x" * 20_000]
    return wrong + ([""] if required and kind.get("minLength") else [])


CURSORS = (
    "x",
    "%00",
    "bm8",
    "W10",
    "W3RydWVd",
    "WyJcdTAwMDAiXQ",
    "e30",
    "bnVsbA",
    "WzFlOTk5XQ",
    "A" * 600,
)
"""Cursors that no service gave: no base64, no JSON, no list, another's types."""
