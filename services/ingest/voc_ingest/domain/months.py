"""Months of UTC, by which the archive is partitioned."""

from datetime import UTC, datetime


def month_start(at: int, ahead: int = 0) -> int:
    """Start (us) of the UTC month that a time (us) lies in, or of one `ahead` months later."""
    moment = datetime.fromtimestamp(at // 1_000_000, UTC)
    months = moment.year * 12 + moment.month - 1 + ahead
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def month_named(name: str) -> int:
    """Start (us) of the UTC month YYYYMM."""
    return int(datetime(int(name[:4]), int(name[4:]), 1, tzinfo=UTC).timestamp()) * 1_000_000
