"""Times in files: every format, the zone of those without offset, daylight saving included."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_cli.load.times import NoTime, reader


@pytest.mark.parametrize(
    ("value", "formats", "zone", "utc"),
    [
        ("2026-03-01T10:00:00+01:00", ["iso"], "", "2026-03-01T09:00:00Z"),
        ("2026-03-01T10:00:00.5Z", ["iso"], "", "2026-03-01T10:00:00.500000Z"),
        ("2026-07-01 10:00", ["iso"], "Europe/Berlin", "2026-07-01T08:00:00Z"),
        ("1.7.2026", ["iso", "%d.%m.%Y"], "Europe/Berlin", "2026-06-30T22:00:00Z"),
        (" 3/18/20 ", ["%m/%d/%y"], "America/New_York", "2020-03-18T04:00:00Z"),
        ("1700000000", ["unix"], "", "2023-11-14T22:13:20Z"),
        # Half past two comes twice; the first of them is in summer time.
        ("2026-10-25 02:30", ["iso"], "Europe/Berlin", "2026-10-25T00:30:00Z"),
        # And on this day it does not come at all.
        ("2026-03-29 02:30", ["iso"], "Europe/Berlin", "2026-03-29T01:30:00Z"),
    ],
)
def test_a_time_is_the_same_moment_in_utc(
    value: str, formats: list[str], zone: str, utc: str
) -> None:
    assert reader(formats, zone)(value) == utc


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "31.2.2026", "1e400", "0001-01-01"])
def test_what_is_no_time_is_refused(value: str) -> None:
    read = reader(["iso", "%d.%m.%Y", "unix"], "Asia/Tokyo")
    with pytest.raises(NoTime, match="is not a time"):
        read(value)


naive = st.datetimes(datetime(1970, 1, 2), datetime(2099, 1, 1))  # noqa: DTZ001


@given(
    naive,
    st.integers(-12 * 60, 14 * 60),
)
def test_an_offset_decides_whatever_the_zone(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = reader(["iso"], "Asia/Kolkata")(aware.isoformat())
    assert datetime.fromisoformat(found) == aware


@given(naive)
def test_without_an_offset_the_zone_decides(moment: datetime) -> None:
    found = reader(["iso"], "Asia/Kolkata")(moment.isoformat())
    expected = moment.replace(tzinfo=ZoneInfo("Asia/Kolkata"))
    assert datetime.fromisoformat(found) == expected.astimezone(UTC)
