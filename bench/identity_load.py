"""Identity alone: the mixed load on a million people, batches straight into its handler, with its Postgres.

    python bench/identity_load.py --people 1000000 --events 100000 [--report FILE]

80 % of the records are of a known person, 12 % of a new one, 6 % bring a new identifier, 2 % join two persons.
Reading and normalising the identifiers is included; the bus is not. `events_per_core_second` counts the CPU of the
handler and of all of Postgres together; `events_per_second` is by the clock, waits for the disk included.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from handled import cost, own_postgres, say, tell
from load import Load
from reader import vacuum
from voc_common import versions
from voc_common.events import FeedbackReceived, Identifier, Revision
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_identity.handlers import records
from voc_identity.settings import IdentitySettings
from voc_local.postgres import Postgres

TENANT = "bench"
BATCH = 1000


def events(load: Load, count: int) -> Iterator[list[FeedbackReceived]]:
    """Batches as the stage would give them: decoded, folded."""
    at = 1_760_000_000_000_000
    for begin in range(0, count, BATCH):
        batch: list[FeedbackReceived] = []
        for _ in range(begin, min(begin + BATCH, count)):
            said = load.identifiers()
            load.made += 1
            moment = at + load.made * 1_000_000
            revision = Revision(
                versions.revision(0, moment, str(load.made).encode()),
                moment, moment, moment, 20371, "bench", "ticket",
            )  # fmt: skip
            batch.append(
                FeedbackReceived(
                    tenant=TENANT,
                    record_id=versions.record_id(b"k" * 32, moment, "s", "t", str(load.made)),
                    revision=revision,
                    identifiers=msgspec.convert(said, tuple[Identifier, ...]),
                    body=msgspec.Raw(b"{}"),
                )
            )
        yield fold(batch)


async def run(
    server: Postgres, people: int, count: int, *, profile: bool = False
) -> dict[str, Any]:
    """Seed so many people through the handler itself, then measure `count` events of the mix on them."""
    url = server.url()
    await migrate(url, "identity")
    settings = IdentitySettings(database_url=url, kafka_bootstrap_servers="")
    database = Database(url, "identity", "worker", pool=1)
    load = Load(seed=3, people=people, untold=people, texts=[("", "", "")])
    began = time.perf_counter()
    handle = partial(records.feedback_received, settings=settings)
    for batch in events(load, people):
        await tell(database, handle, [batch])
    seeded = time.perf_counter() - began
    await vacuum(url)
    report = await cost(server, database, handle, list(events(load, count)), profile=profile)
    await database.close()
    return {"people": people, "seeded_per_second": round(people / seeded)} | report


def measure(people: int, count: int, *, profile: bool = False) -> dict[str, Any]:
    """On a Postgres of its own, which is gone afterwards."""
    with own_postgres() as server:
        return asyncio.run(run(server, people, count, profile=profile))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    report = measure(asked.people, asked.events, profile=asked.profile)
    say(report, asked.report)


if __name__ == "__main__":
    main()
