"""Taxonomy alone: feedback straight into its handler, with its Postgres.

    python bench/taxonomy_load.py [--events 40000] [--batch 1000] [--edited 0] [--profile] [--report FILE]

The texts are those of the demo's company; the bus is not included. The first 20,000 events are not measured.
`edited` is the share of events that are a new revision of a record that is there.
"""

import argparse
import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from handled import cost, own_postgres, say, tell
from load import demo_texts
from reader import vacuum
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from voc_common import versions
from voc_common.events import Attribution, Body, FeedbackIdentified, Revision, Score
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_local.postgres import Postgres
from voc_taxonomy.handlers import records
from voc_taxonomy.handlers.models import Models

TENANT = "bench"
WARMING = 20_000
NPS = Score(7.0, 0.0, 10.0, "NPS", question="recommend")


def events(count: int, size: int, edited: float) -> Iterator[list[FeedbackIdentified]]:
    """Batches as the stage would give them: decoded, folded."""
    rng = random.Random(3)
    texts = demo_texts()
    at = 1_760_000_000_000_000
    for begin in range(0, count, size):
        batch: list[FeedbackIdentified] = []
        for number in range(begin, min(begin + size, count)):
            text, segment, product = rng.choice(texts)
            record = rng.randrange(number) if number and rng.random() < edited else number
            made = at + record * 50_000
            moment = at + number * 50_000
            batch.append(
                FeedbackIdentified(
                    tenant=TENANT,
                    record_id=versions.record_id(b"k" * 32, made, "s", "t", str(record)),
                    revision=Revision(
                        versions.revision(moment, moment, str(number).encode()),
                        moment, moment, moment, 20371, "bench", "ticket",
                        channel=rng.choice(("email", "chat", "app", "phone")),
                        product=product, segment=segment, score=NPS if number % 2 else None,
                    ),
                    attribution=Attribution(
                        versions.attribution(1, 1),
                        versions.record_id(b"k" * 32, made, "s", "p", str(number)),
                        f"A-{number % 5000}", moment, "linked",
                    ),
                    body=msgspec.Raw(msgspec.json.encode(Body(text=text))),
                )
            )  # fmt: skip
        yield fold(batch)


async def run(
    server: Postgres, count: int, size: int, edited: float, *, profile: bool = False
) -> dict[str, Any]:
    """Warm up, then measure `count` events in batches of `size`."""
    url = server.url()
    await migrate(url, "taxonomy")
    database = Database(url, "taxonomy", "worker", pool=1)
    models = Models(4)
    every = list(events(WARMING + count, size, edited))
    warming = WARMING // size
    handle = partial(records.feedback_identified, models=models)
    await tell(database, handle, every[:warming])
    await vacuum(url)
    report = await cost(server, database, handle, every[warming:], profile=profile)
    await database.close()
    return {"batch": size} | report


def measure(
    count: int, size: int = 1000, edited: float = 0.0, *, profile: bool = False
) -> dict[str, Any]:
    """On a Postgres of its own, which is gone afterwards."""
    with own_postgres() as server, threadpool_limits(1):
        return asyncio.run(run(server, count, size, edited, profile=profile))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--edited", type=float, default=0.0)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    report = measure(asked.events, asked.batch, asked.edited, profile=asked.profile)
    say(report, asked.report)


if __name__ == "__main__":
    main()
