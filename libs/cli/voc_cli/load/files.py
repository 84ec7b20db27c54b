"""Rows of a file, one by one: what its bytes are, where each row begins, and which rows are broken."""

import codecs
import csv
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import msgspec
from msgspec import Struct

from voc_cli.load.mapping import Mapping, telling

LONGEST = 1024 * 1024
"""Characters of a cell or a line; a record has at most 256 KiB."""
_BLOCK = 1024 * 1024
_DELIMITERS = ";\t|"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class FileFault(ValueError):
    """A file cannot be read as its mapping says; the message says why."""


class Facts(Struct, frozen=True):
    """What one look at all bytes of a file tells.

    With `errors` "surrogateescape" some bytes are not of the encoding; the rows that hold them are refused.
    """

    size: int
    digest: str
    encoding: str
    errors: Literal["strict", "surrogateescape"]


class Row(Struct, frozen=True, gc=False):
    """A row: the line it begins at (from 1), and its content, or what is wrong with it."""

    line: int
    content: Any = None
    fault: str = ""


def inspect(path: Path, encodings: Sequence[str]) -> Facts:
    """Read a file once for its hash and its encoding; raises `FileFault`.

    A byte order mark decides; else the first of the encodings that fits the whole file.
    """
    digest = hashlib.blake2b(digest_size=16)
    size = 0
    try:
        with path.open("rb") as file:
            head = file.read(4)
            marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
            decoders = {
                name: codecs.getincrementaldecoder(name)()
                for name in ([marked] if marked else encodings)
            }
            file.seek(0)
            while block := file.read(_BLOCK):
                size += len(block)
                digest.update(block)
                _winnow(decoders, block)
            _winnow(decoders, b"", final=True)
    except OSError as error:
        raise FileFault(f"{path} cannot be read: {error.strerror}") from error
    if decoders:
        return Facts(size, digest.hexdigest(), next(iter(decoders)), "strict")
    first = codecs.lookup(marked or encodings[0]).name
    if first not in ("utf-8", "utf-8-sig", "ascii"):
        raise FileFault(f"{path} is not {' nor '.join([marked] if marked else encodings)}")
    return Facts(size, digest.hexdigest(), first, "surrogateescape")


def _winnow(
    decoders: dict[str, codecs.IncrementalDecoder], block: bytes, *, final: bool = False
) -> None:
    for name, decoder in list(decoders.items()):
        try:
            decoder.decode(block, final)
        except UnicodeDecodeError:
            del decoders[name]


class Rows:
    """The rows of a file, broken ones too. `header` is that of a CSV.

    Raises `FileFault` for a CSV that the mapping cannot make sense of: also where no column becomes a text
    or a score, unless it is `wordless` on purpose.
    """

    def __init__(
        self, path: Path, facts: Facts, mapping: Mapping, *, wordless: bool = False
    ) -> None:
        self._mapping = mapping
        self._wordless = wordless
        self._escaped = facts.errors == "surrogateescape"
        self._encoding = facts.encoding
        newline = "" if mapping.form == "csv" else "\n"
        self._file: TextIO = path.open(
            encoding=facts.encoding, errors=facts.errors, newline=newline
        )
        self._raw: Any = self._file.buffer  # type: ignore[attr-defined]
        self.header: list[str] = []
        if mapping.form == "csv":
            csv.field_size_limit(LONGEST)
            self._reader = csv.reader(self._file, delimiter=mapping.delimiter, strict=True)
            self._read_header()

    @property
    def position(self) -> int:
        """Bytes read so far, to within a block."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_header(self) -> None:
        try:
            found = next(self._reader, None) or [""]
        except csv.Error as error:
            raise FileFault(f"the header cannot be read: {error}") from error
        self.header = [name.strip() for name in found]
        twice = sorted({n for n in self.header if n and self.header.count(n) > 1})
        if twice:
            raise FileFault(f"the header names {', '.join(twice)} twice")
        missing = [n for n in self._mapping.required if n not in self.header]
        known = {*self._mapping.columns, *(i.column for i in self._mapping.identifiers)}
        if missing or not (known & set(self.header) or self._mapping.rest):
            wanted = ", ".join(missing or sorted(known))
            raise FileFault(
                f"this mapping needs the columns {wanted}; the header is {', '.join(self.header)}"
            )
        content = telling(self._mapping)
        if not self._wordless and content and not content & set(self.header):
            raise FileFault(self._senseless(known, content))

    def _senseless(self, known: set[str], content: set[str]) -> str:
        lost = [name for name in self.header if name not in known]
        said = (
            f"no column of this file becomes a text or a score ({' or '.join(sorted(content))}). "
            f"Not known to the mapping: {', '.join(lost) or 'none'}; it reads {', '.join(sorted(known))}. "
        )
        other = next((c for c in _DELIMITERS if c in "".join(self.header)), "")
        if len(self.header) == 1 and other:
            said += (
                f"The columns seem to be separated by {other!r}: say so in a mapping (delimiter). "
            )
        return f"{said}Rename columns, write a mapping, or say --wordless if it is meant so"

    def __iter__(self) -> Iterator[Row]:
        rows = self._csv() if self._mapping.form == "csv" else self._jsonl()
        return map(self._decodable, rows) if self._escaped else rows

    def _decodable(self, row: Row) -> Row:
        try:
            msgspec.json.encode(row.content)
        except UnicodeEncodeError:
            return Row(row.line, fault=f"holds bytes that are not {self._encoding}")
        return row

    def _csv(self) -> Iterator[Row]:
        width = len(self.header)
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                last = self._reader.line_num
                where = f"lines {line} to {last}: " if last > line else ""
                yield Row(line, fault=f"{where}{error}")
                continue
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != width:
                yield Row(line, cells, f"has {len(cells)} cells, the header {width}")
            else:
                yield Row(line, {n: c for n, c in zip(self.header, cells, strict=True) if n})

    def _jsonl(self) -> Iterator[Row]:
        line = 0
        while text := self._file.readline(LONGEST):
            line += 1
            if len(text) == LONGEST and not text.endswith("\n"):
                while (more := self._file.readline(LONGEST)) and not more.endswith("\n"):
                    pass
                yield Row(line, fault=f"is longer than {LONGEST} characters")
            elif text.strip():
                try:
                    yield Row(line, msgspec.json.decode(text.encode("utf-8", "surrogateescape")))
                except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                    yield Row(line, fault=f"is not JSON: {error}")
