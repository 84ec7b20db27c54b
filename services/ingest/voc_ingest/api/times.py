"""Times on the HTTP edge: ISO 8601 in UTC with Z."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown(at: int) -> str | None:
    """UTC microseconds as ISO 8601 with Z; None for 0, which is "not yet"."""
    if not at:
        return None
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def micros(moment: datetime) -> int:
    """A moment as UTC microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
