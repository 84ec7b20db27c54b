"""Finds the demo company's outbreaks without hindsight, beside a plain spike rule.

    python bench/hot_issues.py --seeds 10 --first 1000

Every seed is a company of about 10,000 events with two outbreaks (libs/cli/voc_cli/company). Its history
is cut into ten-minute buckets of people per cell and judged bucket by bucket. Labels are the truth, or
degraded at random: 20 % unknown and 10 % wrong.
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

from voc_cli.company import Company, Key, Outbreak, company, is_activity, key_of  # noqa: E402
from voc_cli.company.phrases import BOOK  # noqa: E402
from voc_scorecard.domain.cells import BUCKET, Cells, Place, Scope, cells_from  # noqa: E402
from voc_scorecard.domain.detector import Alarm, Policy, evaluate  # noqa: E402
from voc_scorecard.domain.episodes import DAY, HOUR, episodes  # noqa: E402
from voc_taxonomy.domain.decisions import decide  # noqa: E402
from voc_taxonomy.domain.scorer import Scorer  # noqa: E402
from voc_taxonomy.domain.tree import Taxonomy  # noqa: E402
from voc_taxonomy.models import starter_model, starter_taxonomy, vectors  # noqa: E402

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
STARTER = ROOT / "services/taxonomy/voc_taxonomy/starter/taxonomy.json"
WITHIN = 48 * HOUR
GRADES = {"perfect": (0.0, 0.0), "20 % unknown, 10 % wrong": (0.2, 0.1)}
"""Labels: share left unknown and share given to another cause at random."""


@dataclass(frozen=True)
class Call:
    """One thing that a detector filed."""

    cause: str
    at: int
    onset: int = 0
    onset_from: int = 0
    onset_to: int = 0
    scope: Scope | None = None
    alarm: Alarm | None = None


@dataclass
class Outcome:
    """What became of one company."""

    delays: dict[str, float]
    false: int
    repeats: int
    weeks: float
    onset_errors: list[float]
    onset_inside: list[bool]
    scoped: list[bool]
    seconds: float


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


@cache
def places() -> dict[str, Place]:
    """Where each cause of the starter taxonomy stands; its first stage is taken for the record's."""
    nodes = json.loads(STARTER.read_text())["nodes"]
    return {n["id"]: Place(n.get("parent", ""), n["stages"][0]) for n in nodes}


def labels(made: Company, unknown: float, wrong: float, seed: int) -> dict[Key, tuple[str, ...]]:
    """The causes that a classifier would give: the truth, or worse."""
    rng, names = random.Random(f"{seed}/labels"), sorted(BOOK)
    given: dict[Key, tuple[str, ...]] = {}
    for key, causes in made.truth.causes.items():
        out: list[str] = []
        for cause in causes:
            roll = rng.random()
            if roll >= unknown:
                out.append(rng.choice(names) if roll < unknown + wrong else cause)
        given[key] = tuple(out)
    return given


@cache
def _classifier() -> tuple[Scorer, Taxonomy]:
    return Scorer(starter_model()[0], vectors()), starter_taxonomy()


def read_labels(made: Company) -> dict[Key, tuple[str, ...]]:
    """The causes that the starter model reads out of the texts."""
    scorer, taxonomy = _classifier()
    events = [e for e in made.history if not is_activity(e)]
    verdicts = decide(scorer, taxonomy, [e.get("text", "") for e in events])
    return {key_of(e): tuple(c.id for c in v.causes) for e, v in zip(events, verdicts, strict=True)}


def scopes(causes: Iterable[str], segment: str, product: str) -> set[Scope]:
    """Every cell that a record counts in."""
    found = {Scope(), Scope(segment=segment), Scope(product=product)}
    for cause in causes:
        for where in (
            Scope(cause),
            Scope(cause, segment=segment),
            Scope(cause, product=product),
            Scope(cause, segment=segment, product=product),
        ):
            found.add(where)
        found.add(Scope(stage=places()[cause].stage))
    return found


def rows(
    events: Iterable[dict], made: Company, given: dict[Key, tuple[str, ...]]
) -> Iterator[tuple[Scope, int, int]]:
    """One person per cell and local day, in that day's earliest bucket."""
    zone = ZoneInfo(made.zone)
    seen: set[tuple[Scope, int, int]] = set()
    done: set[Key] = set()
    for event in events:
        key = key_of(event)
        if is_activity(event) or key in done:
            continue
        done.add(key)
        at = datetime.fromisoformat(event["created_at"])
        day, person = at.astimezone(zone).toordinal(), made.truth.persons[key]
        for scope in scopes(given[key], event["segment"], event.get("product", "")):
            if (scope, day, person) not in seen:
                seen.add((scope, day, person))
                yield scope, micros(at) // BUCKET * BUCKET, 1


def cells_of(made: Company, given: dict[Key, tuple[str, ...]]) -> Cells:
    start = micros(made.start) // BUCKET * BUCKET
    count = (micros(made.now) - start) // BUCKET
    return cells_from(
        rows(made.history, made, given),
        start=start,
        buckets=count,
        zone=made.zone,
        places=places(),
        unwatched=[c for c in BOOK if c.startswith("praise")],
    )


def onset_of(alarm: Alarm) -> tuple[int, int, int]:
    return alarm.onset, alarm.onset_from, alarm.onset_to


def detector_calls(cells: Cells, policy: Policy) -> tuple[list[Call], float]:
    begun = time.process_time()
    alarms = evaluate(cells, 0, cells.buckets, policy)
    found = episodes(alarms, cells.starts_at(cells.buckets), cells.places)
    seconds = time.process_time() - begun
    return [
        Call(
            e.cause or e.scope.stage,
            e.opened_at,
            *onset_of(e.changes[0].alarm),
            e.scope,
            e.changes[0].alarm,
        )
        for e in found
    ], seconds


def spike_calls(cells: Cells, floor: int = 10, factor: float = 3.0) -> list[Call]:
    """The last 24 h against the mean day of the 7 days before, per cause, looked at every hour."""
    calls: list[Call] = []
    for row, scope in enumerate(cells.scopes):
        if scope != Scope(scope.cause) or not scope.cause:
            continue
        sums = np.r_[0.0, np.cumsum(cells.people[row])]
        last = -DAY
        for end in range(14 * 144, cells.buckets + 1, 6):
            day, week = sums[end] - sums[end - 144], (sums[end - 144] - sums[end - 8 * 144]) / 7
            if day >= floor and day > factor * week:
                at = cells.starts_at(end)
                if at - last > DAY:
                    calls.append(Call(scope.cause, at))
                last = at
    return calls


def is_of(made: Company, call: Call) -> Outbreak | None:
    """The outbreak that a call names while it lasts, or within 48 h of its end."""
    for outbreak in made.truth.outbreaks:
        from_, until = micros(outbreak.onset), micros(outbreak.end) + WITHIN
        if outbreak.cause == call.cause and from_ <= call.at <= until:
            return outbreak
    return None


def judge(made: Company, calls: list[Call], seconds: float) -> Outcome:
    """Which calls name an outbreak while it lasts (or within 48 h of its end), and which nothing."""
    delays: dict[str, float] = {}
    out = Outcome(delays, 0, 0, (cells_weeks(made)), [], [], [], seconds)
    for call in sorted(calls, key=lambda c: c.at):
        about = is_of(made, call)
        if about is None:
            out.false += 1
        elif about.name in delays:
            out.repeats += 1
        else:
            delays[about.name] = (call.at - micros(about.onset)) / HOUR
            if call.onset:
                out.onset_errors.append((call.onset - micros(about.onset)) / HOUR)
                out.onset_inside.append(call.onset_from <= micros(about.onset) <= call.onset_to)
                if about.segment and call.scope:
                    out.scoped.append(
                        call.scope.segment == about.segment or call.scope.product == about.product
                    )
    return out


def cells_weeks(made: Company) -> float:
    return (made.now - made.start).days / 7 - 2


def line(name: str, outcomes: list[Outcome]) -> str:
    """A row of the table."""
    delays = {
        o: [x.delays[o] for x in outcomes if x.delays.get(o, 1e9) <= 48] for o in ("fast", "slow")
    }
    both = sum(all(x.delays.get(o, 1e9) <= 48 for o in ("fast", "slow")) for x in outcomes)
    weeks = sum(x.weeks for x in outcomes)
    false = [x.false for x in outcomes]
    cells = [
        name,
        f"{both}/{len(outcomes)}",
        *(f"{len(delays[o])} ({median(delays[o]):.1f} h)" if delays[o] else "0" for o in delays),
        f"{sum(false) / weeks:.2f}",
        str(max(false)),
        str(sum(x.repeats for x in outcomes)),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    table: dict[str, list[Outcome]] = defaultdict(list)
    for seed in range(asked.first, asked.first + asked.seeds):
        made = company(seed, NOW, asked.events)
        for grade, (unknown, wrong) in GRADES.items():
            cells = cells_of(made, labels(made, unknown, wrong, seed))
            calls, seconds = detector_calls(cells, Policy())
            out = judge(made, calls, seconds)
            table[f"voc, labels {grade}"].append(out)
            table[f"spike rule, labels {grade}"].append(judge(made, spike_calls(cells), 0.0))
            if asked.verbose:
                for c in calls:
                    if not any(o.cause == c.cause for o in made.truth.outbreaks):
                        a = c.alarm
                        print(
                            "   FALSE",
                            c.scope,
                            datetime.fromtimestamp(c.at / 1e6, UTC),
                            a.people,
                            round(a.expected, 2),
                            a.window // 6,
                            f"{a.evidence:.2f}",
                            f"{a.volume:.2f}",
                            [o.cause for o in made.truth.outbreaks],
                        )
                print(
                    seed,
                    grade,
                    {k: round(v, 1) for k, v in out.delays.items()},
                    "false",
                    out.false,
                    f"{seconds:.2f} s",
                    cells.people.shape,
                )
    print(
        "| detector | both in 48 h | fast (median delay) | slow (median delay) | false a week | most false a seed | repeats |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in sorted(table, reverse=True):
        print(line(name, table[name]))


if __name__ == "__main__":
    main()
