"""Finds the demo company's outbreaks without hindsight, beside a plain spike rule.

    python bench/hot_issues.py --draw 10            # seeds that nobody has seen
    python bench/hot_issues.py --seeds 1 2 3

Every seed is a company of about 10,000 events with two outbreaks (libs/cli/voc_cli/company). Its history
is counted in the cells of the scorecard and judged bucket by bucket, persons taken from the truth. Labels
are the truth; the truth made worse at random; or what the starter model reads in the texts, as in
`voc demo`: `--now` with the demo's start in UTC and its seed give the same company.
"""

import argparse
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from voc_cli.company import Company, Key, Outbreak, company, is_activity, key_of
from voc_cli.company.phrases import BOOK
from voc_scorecard.domain.cells import BUCKET, DAY_BUCKETS, Cells, Place, Scope, cells_from
from voc_scorecard.domain.detector import Policy, evaluate
from voc_scorecard.domain.dimensions import feedback_cells, scope
from voc_scorecard.domain.episodes import DAY, HOUR, episodes
from voc_taxonomy.domain.decisions import decide
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.tree import Taxonomy
from voc_taxonomy.models import starter_model, starter_taxonomy, vectors

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
WITHIN = 48 * HOUR
WARM_UP_WEEKS = 2
GRADES = {"perfect": (0.0, 0.0), "20 % unknown, 10 % wrong": (0.2, 0.1)}
"""Labels: share left unknown and share given to another cause at random."""
READ = "by the starter model"

Labels = dict[Key, tuple[str, ...]]
"""The causes of each record, the likeliest first."""


@dataclass(frozen=True)
class Call:
    """One thing that a detector filed; its onset with range if it names one."""

    cause: str
    at: int
    onset: tuple[int, int, int] | None = None
    scope: Scope | None = None


@dataclass
class Outcome:
    """What became of one company: hours of delay per outbreak found, calls about nothing, calls again."""

    weeks: float
    seconds: float
    delays: dict[str, float] = field(default_factory=dict)
    false: int = 0
    repeats: int = 0
    onset_errors: list[float] = field(default_factory=list)
    onset_inside: list[bool] = field(default_factory=list)
    place_named: list[bool] = field(default_factory=list)


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


@cache
def places() -> dict[str, Place]:
    """Where each cause of the starter taxonomy stands."""
    tree = starter_taxonomy()
    return {n.id: Place(n.parent, tree.stage_of(n.id)) for n in tree.nodes}


def labels(made: Company, unknown: float, wrong: float, seed: int) -> Labels:
    """The causes that a classifier would give: the truth, or worse."""
    rng, names = random.Random(f"{seed}/labels"), sorted(BOOK)
    given: Labels = {}
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


def read_labels(made: Company) -> Labels:
    """The causes that the starter model reads out of the texts."""
    scorer, taxonomy = _classifier()
    texts = {key_of(e): e.get("text", "") for e in made.history if not is_activity(e)}
    verdicts = decide(scorer, taxonomy, list(texts.values()))
    return {k: tuple(c.id for c in v.causes) for k, v in zip(texts, verdicts, strict=True)}


@lru_cache(100_000)
def scopes(causes: tuple[str, ...], segment: str, product: str) -> tuple[Scope, ...]:
    """Every cell of the detector that a record counts in."""
    stage = places()[causes[0]].stage if causes else ""
    named = feedback_cells("customer", "", product, segment, "", stage, causes).watched
    return tuple(s for s in map(scope, named) if s is not None)


def rows(
    events: Iterable[dict[str, Any]], made: Company, given: Labels
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
        for where in scopes(given[key], event["segment"], event.get("product", "")):
            if (where, day, person) not in seen:
                seen.add((where, day, person))
                yield where, micros(at) // BUCKET * BUCKET, 1


def cells_of(made: Company, given: Labels) -> Cells:
    start = micros(made.start) // BUCKET * BUCKET
    count = (micros(made.now) - start) // BUCKET
    return cells_from(
        rows(made.history, made, given),
        start=start,
        buckets=count,
        zone=made.zone,
        places=places(),
        unwatched=[n.id for n in starter_taxonomy().nodes if n.kind == "praise"] + ["unknown"],
    )


def detector_calls(cells: Cells, policy: Policy | None = None) -> tuple[list[Call], float]:
    """What voc files, and the CPU seconds it takes for the whole history."""
    begun = time.process_time()
    alarms = evaluate(cells, 0, cells.buckets, policy)
    found = episodes(alarms, cells.starts_at(cells.buckets), cells.places)
    seconds = time.process_time() - begun
    calls: list[Call] = []
    for e in found:
        # an episode of a stage counts from when it named a cause
        named = next((c for c in e.changes if c.scope.cause), e.changes[0])
        first = e.changes[0].alarm
        onset = (first.onset, first.onset_from, first.onset_to)
        cause = named.scope.cause or named.scope.stage
        calls.append(Call(cause, named.at, onset, e.scope))
    return calls, seconds


def spike_calls(cells: Cells, floor: int = 10, factor: float = 3.0) -> list[Call]:
    """The last 24 h against the mean day of the 7 days before, per cause, looked at every hour."""
    calls: list[Call] = []
    for row, where in enumerate(cells.scopes):
        if where != Scope(where.cause) or not where.cause:
            continue
        sums = np.r_[0.0, np.cumsum(cells.people[row])]
        last = -DAY
        for end in range(7 * WARM_UP_WEEKS * DAY_BUCKETS, cells.buckets + 1, 6):
            yesterday, week_ago = sums[end - DAY_BUCKETS], sums[end - 8 * DAY_BUCKETS]
            day, week = sums[end] - yesterday, (yesterday - week_ago) / 7
            if day >= floor and day > factor * week:
                at = cells.starts_at(end)
                if at - last > DAY:
                    calls.append(Call(where.cause, at))
                last = at
    return calls


def is_of(made: Company, call: Call) -> Outbreak | None:
    """The outbreak that a call names while it lasts, or within 48 h of its end."""
    for outbreak in made.truth.outbreaks:
        from_, until = micros(outbreak.onset), micros(outbreak.end) + WITHIN
        if outbreak.cause == call.cause and from_ <= call.at <= until:
            return outbreak
    return None


def judge(made: Company, calls: list[Call], seconds: float = 0.0) -> Outcome:
    """Which calls name an outbreak, and which nothing."""
    out = Outcome((made.now - made.start) / timedelta(days=1) / 7 - WARM_UP_WEEKS, seconds)
    for call in sorted(calls, key=lambda c: c.at):
        about = is_of(made, call)
        if about is None:
            out.false += 1
        elif about.name in out.delays:
            out.repeats += 1
        else:
            began = micros(about.onset)
            out.delays[about.name] = (call.at - began) / HOUR
            if call.onset:
                out.onset_errors.append((call.onset[0] - began) / HOUR)
                out.onset_inside.append(call.onset[1] <= began <= call.onset[2])
            if about.segment and call.scope:
                there = (about.segment, about.product)
                out.place_named.append((call.scope.segment, call.scope.product) == there)
    return out


def labelled(made: Company, *, read_only: bool) -> Iterator[tuple[str, Labels]]:
    for grade, (unknown, wrong) in GRADES.items():
        if not read_only:
            yield grade, labels(made, unknown, wrong, made.seed)
    yield READ, read_labels(made)


def line(name: str, outcomes: list[Outcome]) -> str:
    """A row of the table."""
    in_time = {
        o: [x.delays[o] for x in outcomes if x.delays.get(o, WITHIN) * HOUR <= WITHIN]
        for o in ("fast", "slow")
    }
    both = sum(all(x.delays.get(o, WITHIN) * HOUR <= WITHIN for o in in_time) for x in outcomes)
    false = [x.false for x in outcomes]
    columns = [
        name,
        f"{both}/{len(outcomes)}",
        *(f"{len(d)} ({median(d):.1f} h)" if d else "0" for d in in_time.values()),
        f"{sum(false) / sum(x.weeks for x in outcomes):.2f}",
        str(max(false)),
        str(sum(x.repeats for x in outcomes)),
    ]
    return "| " + " | ".join(columns) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seeds", type=int, nargs="+")
    chosen.add_argument("--draw", type=int, help="so many seeds by chance")
    parser.add_argument("--now", type=datetime.fromisoformat, default=NOW)
    parser.add_argument("--read-only", action="store_true", help="no labels but the model's")
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    seeds = asked.seeds or [secrets.randbelow(10**6) for _ in range(asked.draw)]
    print("seeds", *seeds)
    table: dict[str, list[Outcome]] = defaultdict(list)
    for seed in seeds:
        made = company(seed, asked.now)
        for grade, given in labelled(made, read_only=asked.read_only):
            cells = cells_of(made, given)
            calls, seconds = detector_calls(cells)
            out = judge(made, calls, seconds)
            table[f"voc, labels {grade}"].append(out)
            table[f"spike rule, labels {grade}"].append(judge(made, spike_calls(cells)))
            if asked.verbose:
                show(made, grade, given, calls, out)
    print("| detector | both within 48 h | fast (median delay) | slow (median delay)", end="")
    print(" | false a week | most false a seed | repeated |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted(table, reverse=True):
        print(line(name, table[name]))
    ours = [x for name, outcomes in table.items() if name.startswith("voc") for x in outcomes]
    inside = [i for x in ours for i in x.onset_inside]
    errors = [abs(e) for x in ours for e in x.onset_errors]
    named = [p for x in ours for p in x.place_named]
    print(
        f"onset: median error {median(errors):.1f} h, inside its range {np.mean(inside):.0%};",
        end=" ",
    )
    print(f"segment and product of the slow one named {np.mean(named):.0%};", end=" ")
    print(f"median {median(x.seconds for x in ours):.1f} CPU s for {len(cells.scopes)} cells")


def show(made: Company, grade: str, given: Labels, calls: list[Call], out: Outcome) -> None:
    delays = {k: round(v, 1) for k, v in out.delays.items()}
    print(made.seed, grade, delays, f"{out.false} false, {out.repeats} repeated")
    for o in made.truth.outbreaks:
        right = sum(o.cause in given[k] for k in o.records)
        print(
            f"    {o.name} {o.cause} {o.shape}: {right} of {len(o.records)} records labelled right"
        )
    for call in calls:
        if is_of(made, call) is None:
            print("    false:", call.scope, datetime.fromtimestamp(call.at / 1e6, UTC))


if __name__ == "__main__":
    main()
