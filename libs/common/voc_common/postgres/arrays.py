"""Columns of a batch as parameters: each one array, sent as one text.

The driver looks at every element of a Python list to see whether it is itself an array, which costs more
than all else about it; an array literal is made by one call of a JSON encoder.
"""

from collections.abc import Iterable, Sequence

import msgspec

_encode = msgspec.json.Encoder().encode


def array(name: str, kind: str) -> str:
    """SQL for the parameter `name` as an array of `kind`; it is sent by `texts` or `numbers`."""
    return f"cast(cast(:{name} as text) as {'text' if kind == 'jsonb' else kind}[])"


def unnest(columns: dict[str, str], rows: str = "x", named: str = "") -> str:
    """SQL for parameters as `rows`, by name of column and type; `named` comes before each parameter's name."""
    arrays = ", ".join(array(f"{named}{name}", kind) for name, kind in columns.items())
    return f"unnest({arrays}) as {rows}({', '.join(columns)})"


def texts(values: Sequence[str | None]) -> str:
    """Strings as an array literal."""
    literal = _encode(values).decode()
    if literal.count("\\") != literal.count('\\"'):
        # Both escape quotes alike, but not backslashes and control characters.
        return "{" + ",".join(map(_quoted, values)) + "}"
    return "{" + literal[1:-1] + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def numbers(values: Iterable[float | None]) -> str:
    """Numbers or truth values as an array literal."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def blobs(values: Sequence[bytes]) -> str:
    """Byte strings as an array literal."""
    if not values:
        return "{}"
    joined = '","\\\\x'.join(map(bytes.hex, values))
    return f'{{"\\\\x{joined}"}}'
