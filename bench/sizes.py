"""How much each part of the benchmarks does: in full, and quickly."""

from msgspec import Struct


class Sizes(Struct, frozen=True, kw_only=True):
    """Numbers of records, events, rows and people, and seconds of each measured load."""

    broker_records: int = 4_000_000
    """Produced and consumed before anything is measured: a cold broker costs three times as much."""
    known_people: int = 20_000
    """Who have told something before anything is measured; then they are told of, and those who come since."""
    warm_events: int = 20_000
    """Sent through all services before anything is measured, beside what the door took alone."""
    door_events: int = 200_000
    door_posts: int = 40_000
    idle_seconds: float = 20.0
    """Of every service running while nothing comes."""
    events: int = 300_000
    latency_seconds: float = 60.0
    load_rows: int = 100_000
    behind_events: int = 1_000_000
    bulk_rows: int = 1_000_000
    bulk_seconds: float = 60.0
    """Of live load alone, before rows are loaded beside it."""
    bulk_most_seconds: float = 3600.0
    """Of live load beside the import, if that does not end before."""
    raw_events: int = 300_000
    naive_events: int = 1_000
    people: int = 1_000_000
    people_events: int = 200_000
    texts: int = 40_000
    read_events: tuple[int, ...] = (100_000, 1_000_000, 5_000_000)
    reads: int = 200
    detector_companies: int = 5


FULL = Sizes()
QUICK = Sizes(
    broker_records=400_000,
    warm_events=4_000,
    door_events=20_000,
    door_posts=4_000,
    idle_seconds=4.0,
    events=30_000,
    latency_seconds=8.0,
    load_rows=8_000,
    behind_events=20_000,
    bulk_rows=10_000,
    bulk_seconds=15.0,
    bulk_most_seconds=35.0,
    raw_events=60_000,
    naive_events=150,
    people=40_000,
    people_events=20_000,
    texts=8_000,
    read_events=(8_000, 20_000, 50_000),
    reads=25,
    detector_companies=1,
)
