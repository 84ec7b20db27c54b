"""The figures that a run of the benchmarks gives: what each is, its goal and its floor, and where it stands."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

Verdict = Literal["goal", "floor", "missed", "measured", "not measured"]


class Figure(Struct, frozen=True):
    """A figure: found in the report of `part` at `path`; without a goal it is told and not judged."""

    name: str
    part: str
    path: str
    unit: str
    goal: float | None = None
    floor: float | None = None
    more: bool = False
    """Whether a greater value is better."""

    def verdict(self, value: float | None) -> Verdict:
        """Whether a value reaches the goal, the floor, or neither."""
        if value is None:
            return "not measured"
        if self.goal is None or self.floor is None:
            return "measured"
        if self._reaches(value, self.goal):
            return "goal"
        return "floor" if self._reaches(value, self.floor) else "missed"

    def _reaches(self, value: float, bar: float) -> bool:
        return value >= bar if self.more else value <= bar


_E2E, _US = "end_to_end", "CPU us/event"
_MS = "ms"

FIGURES = (
    Figure("end to end", _E2E, "events_per_second", "events/s", 10_000, 5_000, more=True),
    Figure("end to end, services + Postgres + broker", _E2E, "us_per_event.all", _US, 200, 320),
    Figure("ingest", _E2E, "us_per_service.ingest", _US),
    Figure("identity", _E2E, "us_per_service.identity", _US),
    Figure("taxonomy", _E2E, "us_per_service.taxonomy", _US),
    Figure("scorecard", _E2E, "us_per_service.scorecard", _US),
    Figure("backlog", _E2E, "us_per_service.backlog", _US),
    Figure("Postgres", _E2E, "us_per_event.postgres", _US),
    Figure("broker", _E2E, "us_per_event.kafka", _US),
    Figure("load generator", _E2E, "load_us_per_event", _US),
    Figure("on the bus", _E2E, "bytes_per_event.bus", "bytes/event"),
    Figure("in the database", _E2E, "bytes_per_event.database", "bytes/event"),
    Figure("accepted but not counted", _E2E, "lost", "events", 0, 0),
    Figure("memory of a service, the largest", _E2E, "service_mb_most", "MB", 200, 300),
    Figure("memory of a process, the largest", _E2E, "process_mb_most", "MB", 200, 300),
    Figure("against the raw limit", "raw_limit", "voc_times", "times its CPU", 2.2, 3.2),
    Figure("against the naive peer", "naive_peer", "times_voc", "times less CPU", 100, 50, more=True),
    Figure("door, batches of 500, with Postgres", "door", "batch.us", _US, 60, 80),
    Figure("door, single posts, 64 connections", "door", "single.us", _US, 300, 450),
    *(
        Figure(f"accepted to visible, {share} % load, {p}", "latency", f"at_{share}.visible_ms.{p}", _MS, goal, floor)
        for share, p, goal, floor in (
            (25, "p50", 50, 100),
            (25, "p99", 200, 400),
            (50, "p50", None, None),
            (50, "p99", None, None),
            (70, "p50", 200, 400),
            (70, "p99", 500, 1000),
        )
    ),
    Figure("identity, mixed, one core", "identity", "events_per_core_second", "events/s", 8_000, 5_000, more=True),
    Figure("text, short", "text", "short.texts_per_second", "texts/s"),
    Figure("text, short, words", "text", "short.words_per_second", "words/s"),
    Figure("text, long, words", "text", "long.words_per_second", "words/s"),
    Figure("scorecard read, fewest events", "reads", "fewest.postgres_ms", "ms in Postgres"),
    Figure("scorecard read, more events", "reads", "more.postgres_ms", "ms in Postgres"),
    Figure("scorecard read, most events", "reads", "most.postgres_ms", "ms in Postgres", 3, 6),
    Figure("scorecard read over HTTP, most events, p50", "reads", "most.http_ms.p50", _MS),
    Figure("detector, cells a closed bucket", "detector", "cells_per_second", "cells/s", more=True),
    Figure("detector, history", "detector", "cell_buckets_per_second", "cell buckets/s", more=True),
    Figure("voc load", "load", "live.rows_per_second", "rows/s", more=True),
    Figure("voc load --history", "load", "history.rows_per_second", "rows/s", more=True),
    Figure("catching up", "catch_up", "events_per_second", "events/s", more=True),
    Figure("memory of a worker while catching up, the largest", "catch_up", "peak_mb", "MB", 200, 300),
    Figure("memory grown while catching up", "catch_up", "grown_mb", "MB"),
    Figure("door beside a bulk import, p99", "bulk", "door_p99_times", "times without it", 2, 2),
    Figure("accepted to visible beside a bulk import, p99", "bulk", "visible_p99_times", "times without it", 2, 2),
)  # fmt: skip
"""All of them, in the order of the table."""


def value(figure: Figure, parts: Mapping[str, Any]) -> float | None:
    """A figure's value in the reports by part, None where it was not measured."""
    found: Any = parts.get(figure.part)
    for name in figure.path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return float(found) if isinstance(found, int | float) else None


class Judged(Struct, frozen=True):
    """A figure with its value and verdict, as the report holds it."""

    name: str
    part: str
    value: float | None
    unit: str
    goal: float | None
    floor: float | None
    verdict: Verdict


def judged(parts: Mapping[str, Any]) -> list[Judged]:
    """Every figure of the parts that were run."""
    found: list[Judged] = []
    for f in FIGURES:
        if f.part in parts:
            said = value(f, parts)
            found.append(Judged(f.name, f.part, said, f.unit, f.goal, f.floor, f.verdict(said)))
    return found
