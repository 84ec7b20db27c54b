"""Times at HTTP edges: ISO 8601 with an offset in, ISO 8601 with Z out, microseconds inside."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

from voc_common.http.problems import Problem


def _as_iso(value: Any) -> Any:
    """Refuse numbers: pydantic would take them for seconds or milliseconds, as it sees fit."""
    if isinstance(value, date) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise ValueError("must be ISO 8601, such as 2026-03-01T10:00:00Z or, of a day, 2026-03-01")


Moment = Annotated[AwareDatetime, BeforeValidator(_as_iso)]
"""A time in a body or a query: ISO 8601 with an offset, nothing else."""

Day = Annotated[date, BeforeValidator(_as_iso)]
"""A calendar day in a body or a query: ISO 8601, nothing else."""


def iso(micros: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC."""
    found = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
    return found.isoformat().replace("+00:00", "Z")


def micros(value: datetime, name: str = "time") -> int:
    """Microseconds since 1970; raises `Problem` for a time without an offset, or beyond years 1 to 9999 in UTC."""
    if value.tzinfo is None:
        raise Problem(422, f"{name} needs an offset, such as Z or +02:00")
    try:
        delta = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError as error:
        raise Problem(422, f"{name} is out of range") from error
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
