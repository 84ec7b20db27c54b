"""Local days, right through daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_ingest.domain.days import LocalDays
from voc_ingest.domain.months import month_named, month_start

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Monrovia",
]
moments = st.integers(0, 4_102_444_799_999_999)


@given(st.sampled_from(ZONES), st.lists(moments, min_size=1, max_size=5), st.integers(0, 3600))
def test_a_day_is_the_date_on_the_zones_calendar(
    zone: str, instants: list[int], later: int
) -> None:
    days = LocalDays(zone)
    for at in [*instants, *(i + later * 1_000_000 for i in instants)]:
        date = datetime.fromtimestamp(at // 1_000_000, ZoneInfo(zone)).date()
        assert days.day(at) == date.toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()


@pytest.mark.parametrize(
    ("zone", "change"),
    [("Europe/Berlin", "2025-10-26T01:00"), ("Australia/Lord_Howe", "2025-04-05T15:00")],
)
def test_around_a_change_of_clocks(zone: str, change: str) -> None:
    days = LocalDays(zone)
    middle = int(datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp()) * 1_000_000
    for minutes in range(-26 * 60, 26 * 60, 7):
        at = middle + minutes * 60_000_000
        date = datetime.fromtimestamp(at // 1_000_000, ZoneInfo(zone)).date()
        assert days.day(at) == (date - datetime(1970, 1, 1, tzinfo=UTC).date()).days


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(KeyError):
        LocalDays("Mars/Olympus")


@given(moments, st.integers(0, 30))
def test_a_month_starts_before_the_next(at: int, ahead: int) -> None:
    start = month_start(at, ahead)
    moment = datetime.fromtimestamp(start // 1_000_000, UTC)
    assert (moment.day, moment.hour, moment.minute, moment.second) == (1, 0, 0, 0)
    assert start < month_start(at, ahead + 1)
    assert month_start(at) <= at < month_start(at, 1)
    assert month_named(f"{moment:%Y%m}") == start
