"""Local days of a zone, right through daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = 3_600_000_000
DAY = 24 * HOUR
_SECOND = timedelta(seconds=1)
_KEPT = 100_000


class LocalDays:
    """Days since 1970-01-01 in one zone; the offset of an hour is looked up once."""

    def __init__(self, zone: str) -> None:
        """Raises `ValueError` (or `ZoneInfoNotFoundError`, a `KeyError`) for a zone that is not known."""
        self._zone = ZoneInfo(zone)
        self._offsets: dict[int, int | None] = {}

    def day(self, at: int) -> int:
        """Local day of a UTC time in microseconds."""
        hour = at // HOUR
        try:
            offset = self._offsets[hour]
        except KeyError:
            offset = self._whole_hour(hour)
        if offset is None:
            offset = self.offset(at)
        return (at + offset) // DAY

    def offset(self, at: int) -> int:
        """Microseconds that the zone's clocks are ahead of UTC at a UTC time."""
        moment = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(self._zone)
        return ((moment.utcoffset() or timedelta()) // _SECOND) * 1_000_000

    def _whole_hour(self, hour: int) -> int | None:
        """The offset if it holds for the whole UTC hour; None where the clocks change within."""
        first, last = self.offset(hour * HOUR), self.offset((hour + 1) * HOUR - 1)
        if len(self._offsets) > _KEPT:
            self._offsets.clear()
        found = first if first == last else None
        self._offsets[hour] = found
        return found
