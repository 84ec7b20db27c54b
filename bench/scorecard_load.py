"""The scorecard alone: classified feedback straight into its handler, with its Postgres.

    python bench/scorecard_load.py [--events 40000] [--batch 1000] [--people 20000] [--known 0.8] [--edited 0]
        [--each 0] [--profile] [--report FILE]

The bus is not included. First every one of the people tells something within the ten days before, which is not
measured. Then events follow each other every 50 ms, each up to ten seconds early or late; `known` is the share of
those whose person told something before, `edited` the share that are a new revision of a record that is there.
With `each` every one of the people has told so often within the days before, and events come at any moment of these, as
those of an import of history do.
"""

import argparse
import asyncio
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from handled import cost, own_postgres, say, tell
from load import demo_texts
from reader import vacuum
from voc_common import settle_memory, versions
from voc_common.events import (
    Attribution,
    Cause,
    Decision,
    FeedbackClassified,
    Revision,
    Score,
)
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_local.postgres import Postgres
from voc_scorecard.domain.ranges import DAY_US
from voc_scorecard.handlers import counting
from voc_taxonomy.models import starter_taxonomy

TENANT = "bench"
BEGIN = 1_760_000_000_000_000
SEEDED, SPREAD, JITTER = 10 * DAY_US, 50_000, 10_000_000
"""How long before the people are first heard of; from one event to the next; how far off one may be (us)."""
SEED_BATCH = 1000


class Feedback:
    """Draws events as taxonomy would send them: segment and product as a demo's company has them, half with a score."""

    def __init__(self, people: int, known: float, edited: float, each: int = 0) -> None:
        self._rng = random.Random(3)
        self._people, self._each = people, each
        self._seeds = people * max(each, 1)
        self._known, self._edited = known, edited
        self._texts = demo_texts()
        tree = starter_taxonomy()
        leaves = [(n.id, tree.stage_of(n.id)) for n in tree.nodes if n.parent]
        # A few causes make most of the feedback: the n-th comes up in proportion to 1 / n.
        self._causes = self._rng.choices(leaves, [1 / n for n in range(1, len(leaves) + 1)], k=5000)
        self._told: list[FeedbackClassified] = []

    def seeds(self) -> Iterator[list[FeedbackClassified]]:
        """What each of the people told first."""
        step, people = SEEDED // self._seeds, self._people
        for begin in range(0, self._seeds, SEED_BATCH):
            numbers = range(begin, min(begin + SEED_BATCH, self._seeds))
            yield fold([self._new(n, BEGIN - SEEDED + n * step, n % people) for n in numbers])

    def batches(self, count: int, size: int) -> Iterator[list[FeedbackClassified]]:
        """Batches as the stage would give them: decoded, folded."""
        for begin in range(0, count, size):
            yield fold([self._one(n) for n in range(begin, min(begin + size, count))])

    def _one(self, number: int) -> FeedbackClassified:
        rng = self._rng
        at = BEGIN + number * SPREAD + rng.randint(-JITTER, JITTER)
        if self._each:
            at = BEGIN - rng.randrange(SEEDED)
        if self._told and rng.random() < self._edited:
            return self._again(rng.choice(self._told), at)
        if rng.random() < self._known:
            who = rng.randrange(self._people)
        else:
            who = self._people = self._people + 1
        event = self._new(self._seeds + number, at, who)
        self._told.append(event)
        return event

    def _new(self, number: int, at: int, who: int) -> FeedbackClassified:
        rng = self._rng
        _, segment, product = rng.choice(self._texts)
        score = Score(rng.randrange(11), 0, 10, "NPS", question="recommend")
        revision = Revision(
            versions.revision(at, at, b"%d" % number), at, at, at, at // DAY_US, "bench", "ticket",
            channel=rng.choice(("email", "chat", "app", "phone")),
            product=product, segment=segment, score=score if number % 2 else None,
        )  # fmt: skip
        return FeedbackClassified(
            tenant=TENANT,
            record_id=versions.record_id(b"k" * 32, at, "bench", "ticket", f"{number}"),
            revision=revision,
            attribution=Attribution(
                versions.attribution(1, 1),
                versions.record_id(b"k" * 32, BEGIN - SEEDED + who, "bench", "person", f"{who}"),
                f"A-{who % 5000}", at, "linked",
            ),
            decision=self._decision(revision),
        )  # fmt: skip

    def _again(self, told: FeedbackClassified, at: int) -> FeedbackClassified:
        revision = msgspec.structs.replace(
            told.revision, version=versions.revision(at, at, b"again"), received_at=at
        )
        return msgspec.structs.replace(told, revision=revision, decision=self._decision(revision))

    def _decision(self, revision: Revision) -> Decision:
        cause, stage = self._rng.choice(self._causes)
        return Decision(
            versions.decision(1, revision.version, 0, 1),
            (Cause(cause, round(self._rng.uniform(0.5, 1), 4)),),
            stage, 0.55, -0.412, "en", "5f0c2a9d41b7", 1, revision.received_at,
        )  # fmt: skip


async def run(
    server: Postgres, feedback: Feedback, count: int, size: int, *, profile: bool
) -> dict[str, Any]:
    """Seed the people through the handler itself, then measure `count` events in batches of `size`."""
    url = server.url()
    await migrate(url, "scorecard")
    database = Database(url, "scorecard", "worker", pool=1)
    await tell(database, counting.feedback_classified, list(feedback.seeds()))
    await vacuum(url)
    batches: Sequence[Any] = list(feedback.batches(count, size))
    settle_memory()
    report = await cost(server, database, counting.feedback_classified, batches, profile=profile)
    await database.close()
    return {"batch": size} | report


def measure(
    count: int,
    size: int = 1000,
    people: int = 20_000,
    known: float = 0.8,
    edited: float = 0.0,
    each: int = 0,
    *,
    profile: bool = False,
) -> dict[str, Any]:
    """On a Postgres of its own, which is gone afterwards."""
    feedback = Feedback(people, known, edited, each)
    with own_postgres() as server:
        return asyncio.run(run(server, feedback, count, size, profile=profile))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--known", type=float, default=0.8)
    parser.add_argument("--edited", type=float, default=0.0)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    report = measure(
        asked.events,
        asked.batch,
        asked.people,
        asked.known,
        asked.edited,
        asked.each,
        profile=asked.profile,
    )
    say(report, asked.report)


if __name__ == "__main__":
    main()
