"""Times as files write them, to ISO 8601 with an offset."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_SECONDS = {"unix": 1.0, "unix_ms": 1e-3}


class NoTime(ValueError):
    """A value is not a time in any of the formats."""


def reader(formats: Sequence[str], zone: str) -> Callable[[Any], str]:
    """A function from a value of a file to ISO 8601 in UTC; it raises `NoTime`.

    The formats are tried in order. A time that comes twice when clocks go back is the first of the two.
    """
    here = ZoneInfo(zone) if zone else None
    tried = ", ".join(formats)

    @lru_cache(maxsize=4096)
    def read(value: str) -> str:
        for form in formats:
            try:
                found = _parse(value, form)
            except (ValueError, OverflowError):
                continue
            if found.tzinfo is None:
                if here is None:
                    raise NoTime(f"{value!r} has no offset, and the mapping names no zone")
                found = found.replace(tzinfo=here)
            try:
                return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
            except OverflowError:
                break
        raise NoTime(f"{value!r} is not a time ({tried})")

    return lambda value: read(value if isinstance(value, str) else str(value))


def _parse(value: str, form: str) -> datetime:
    value = value.strip()
    if form == "iso":
        return datetime.fromisoformat(value)
    if form in _SECONDS:
        return datetime.fromtimestamp(float(value) * _SECONDS[form], UTC)
    return datetime.strptime(value, form)  # noqa: DTZ007
