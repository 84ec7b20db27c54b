"""Columns of a batch as parameters: each one array, sent as one text.

The driver looks at every element of a Python list to see whether it is itself an array, which costs more
than all else about it. Strings are sent one behind the other with a separator between them, which Postgres
splits at half the cost of reading an array literal.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

_encode = msgspec.json.Encoder().encode


def array(name: str, kind: str) -> str:
    """SQL for the parameter `name` as an array of `kind`; sent by `texts` (also for jsonb), `numbers` or `blobs`."""
    given = f"cast(:{name} as text)"
    return split(given) if kind in ("text", "jsonb") else f"cast({given} as {kind}[])"


def split(given: str) -> str:
    """SQL for what `texts` has made, an expression, as an array."""
    return f"(string_to_array({given}, chr(ascii({given})), chr(ascii({given}) + 1)))[3:]"


def unnest(columns: dict[str, str], rows: str = "x", named: str = "") -> str:
    """SQL for parameters as `rows`, by name of column and type; `named` comes before each parameter's name.

    Each unnested beside the others, in step: a function of them all would keep its rows before the first is read.
    """
    arrays = [f"unnest({array(named + name, kind)}) as {name}" for name, kind in columns.items()]
    return f"(select {', '.join(arrays)}) as {rows}"


def texts(values: Sequence[str | None]) -> str:
    """Strings, or None for NULL, as `array` splits them: the separator, the next character for NULL, then the values."""
    for separator, null in _marks():
        try:
            joined = separator.join(values)  # pyright: ignore[reportArgumentType]
            nulls = 0
        except TypeError:
            joined = separator.join([null if value is None else value for value in values])
            nulls = values.count(None)
        if joined.count(separator) == max(len(values) - 1, 0) and joined.count(null) == nulls:
            return f"{separator}{null}{separator}{joined}" if values else separator + null
    raise ValueError("every separator is in use")  # 3,200 different ones in one batch


def _marks() -> Iterator[tuple[str, str]]:
    """Separators and what stands for NULL: characters made for it, else such as have no meaning."""
    yield "\x1e", "\x1f"
    for code in range(0xE000, 0xF8FE, 2):
        yield chr(code), chr(code + 1)


def numbers(values: Iterable[float | None]) -> str:
    """Numbers, finite ones, or truth values as an array literal: its elements are written as in JSON."""
    listed = values if isinstance(values, list) else list(values)
    return f"{{{_encode(listed)[1:-1].decode()}}}"


def blobs(values: Sequence[bytes]) -> str:
    """Byte strings as an array literal."""
    if not values:
        return "{}"
    joined = '","\\\\x'.join(map(bytes.hex, values))
    return f'{{"\\\\x{joined}"}}'
