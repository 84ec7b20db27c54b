"""Reads of a scorecard as its numbers grow: what `GET /v1/scorecard?window=30d` takes in Postgres, and over HTTP.

    python bench/scorecard_reads.py [--events 100000 1000000 5000000] [--reads 200]

The events are counted by the service's own handler, in batches of 1,000 that go around the eight shards, so the rows
are those that the service would have. They follow each other through the last 60 days: both windows that a read
compares are full, of few events as of many. Time
in Postgres is that of planning and executing every statement of a read as `explain analyze` tells it, summed, the
median of all reads; statements of the service are prepared and mostly spared the planning.
"""

import argparse
import asyncio
import os
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
from installed import TENANT
from posting import percentiles
from reader import vacuum
from voc_cli import api, deployment
from voc_cli.fleet import Fleet
from voc_cli.installation import keys_file
from voc_common.events import (
    Attribution,
    Cause,
    Decision,
    FeedbackClassified,
    Revision,
    Score,
    TenantConfigured,
)
from voc_common.postgres import Database, Transaction
from voc_common.postgres.migrations import migrate
from voc_common.versions import attribution, decision, record_id, revision
from voc_local.home import default_home
from voc_local.postgres import Postgres
from voc_scorecard.api.scorecard import TOPICS
from voc_scorecard.domain.ranges import DAY_US, local_day
from voc_scorecard.handlers import counting, gathering, told
from voc_scorecard.handlers.reading import Asked, scorecard
from voc_taxonomy.models import starter_taxonomy

BATCH = 1000
SHARDS = 8
DAYS = 60
ZONE = "Europe/Berlin"
PEOPLE_PER_EVENT = 0.2
NAMES = ("fewest", "more", "most")


class Classified:
    """Draws events as taxonomy would send them: every cause, four channels, segments, products and teams.

    So many `events` follow each other through the days; their people are nobody else's (`group`).
    """

    def __init__(self, group: str, events: int) -> None:
        self._rng = random.Random(group)
        self._group = group
        self._zone = ZoneInfo(ZONE)
        self._step = int((DAYS - 0.01) * DAY_US) // events
        self._begin = time.time_ns() // 1000 - DAYS * DAY_US
        self._people = max(int(events * PEOPLE_PER_EVENT), 100)
        tree = starter_taxonomy()
        self._causes = [(n.id, tree.stage_of(n.id)) for n in tree.nodes if n.parent]
        self._made = 0

    def batch(self, size: int) -> list[FeedbackClassified]:
        """So many new records, sorted as the stage sorts them."""
        return sorted((self._one() for _ in range(size)), key=lambda e: e.record_id)

    def _one(self) -> FeedbackClassified:
        rng = self._rng
        self._made += 1
        at = self._begin + self._step * self._made
        version = revision(0, at, b"%d" % self._made)
        cause, stage = rng.choice(self._causes)
        return FeedbackClassified(
            tenant=TENANT,
            record_id=record_id(b"k" * 32, at, "bench", "ticket", f"{self._group}-{self._made}"),
            revision=Revision(
                version, at, at, at, local_day(at, self._zone), "bench", "ticket",
                channel=rng.choice(("email", "chat", "app", "phone")),
                segment=rng.choice(("smb", "enterprise", "consumer", "public")),
                product=rng.choice(("mobile", "web", "api", "desktop")),
                team=rng.choice(("berlin", "lisbon", "austin", "pune")),
                score=self._score() if self._made % 2 else None,
            ),
            attribution=Attribution(attribution(0, 1), f"{self._group}-{rng.randrange(self._people)}", ""),
            decision=Decision(decision(0, version, 0, 1), causes=(Cause(cause, 0.9),), stage=stage),
        )  # fmt: skip

    def _score(self) -> Score:
        return Score(self._rng.randrange(11), min=0, max=10, kind="NPS", question="recommend")


_TABLE = re.compile(r"from (scorecard\.\w+)")


def _scanned(node: dict[str, Any]) -> int:
    """Rows that the scans of a plan gave, all loops together."""
    rows = round(node["Actual Rows"] * node["Actual Loops"]) if "Relation Name" in node else 0
    return rows + sum(_scanned(inner) for inner in node.get("Plans", ()))


class Explained:
    """A transaction whose statements are explained as well: the milliseconds of all of them in Postgres."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.planning = self.executing = 0.0
        self.statements = 0
        self.by_table: dict[str, float] = defaultdict(float)
        self.rows_read: dict[str, int] = defaultdict(int)

    async def rows(self, sql: str, **values: object) -> Sequence[Any]:
        """Run a statement, explained before."""
        await self._explain(sql, values)
        return await self._tx.rows(sql, **values)

    async def row(self, sql: str, **values: object) -> Any:
        """Run a statement of one row, explained before."""
        await self._explain(sql, values)
        return await self._tx.row(sql, **values)

    async def _explain(self, sql: str, values: dict[str, object]) -> None:
        said = await self._tx.row(f"explain (analyze, timing off, format json) {sql}", **values)
        assert said is not None
        (plan,) = msgspec.json.decode(said[0]) if isinstance(said[0], str) else said[0]
        self.planning += plan["Planning Time"]
        self.executing += plan["Execution Time"]
        self.statements += 1
        table = _TABLE.findall(sql)[-1]
        self.by_table[table] += plan["Execution Time"]
        self.rows_read[table] += _scanned(plan["Plan"])


async def run(url: str, where: str, sizes: Sequence[int], reads: int) -> dict[str, Any]:
    """Count up to each of the sizes, and read from Postgres and at the address `where`."""
    worker = Database(url, "scorecard", "worker", pool=1)
    reader = Database(url, "scorecard", "api", pool=1)
    configured = TenantConfigured(tenant=TENANT, version=1, zone=ZONE)
    await worker.retried(lambda tx: told.tenant_configured(tx, [configured]))
    counted = 0
    report: dict[str, Any] = {"filled_by": "the service's own handler, batches of 1,000"}
    for name, size in zip(NAMES, sizes, strict=True):
        began, before = time.perf_counter(), counted
        drawn = Classified(name, size - counted)
        while counted < size:
            batch = drawn.batch(BATCH)
            shard = counted // BATCH % SHARDS
            await worker.retried(
                lambda tx, b=batch: counting.feedback_classified(tx, b), shard=shard
            )
            counted += BATCH
        filled = (counted - before) / (time.perf_counter() - began)
        # What the worker's job does every half minute.
        while await gathering.gather(worker):
            pass
        await vacuum(url)
        report[name] = {
            "events": counted,
            "filled_per_second": round(filled),
            **await _in_postgres(reader, reads),
            "http_ms": await _over_http(where, counted, reads),
        }
    await worker.close()
    await reader.close()
    return report


async def _in_postgres(reader: Database, reads: int) -> dict[str, Any]:
    asked, each = Asked("cause", 30, "customer", None, 0), list[Explained]()
    for _ in range(reads):
        async with reader.transaction(TENANT, snapshot=True) as tx:
            each.append(Explained(tx))
            await scorecard(each[-1], TENANT, asked, time.time_ns() // 1000, TOPICS)  # pyright: ignore[reportArgumentType]
    return {
        "statements": each[0].statements,
        "postgres_ms": round(median(e.planning + e.executing for e in each), 2),
        "executing_ms": round(median(e.executing for e in each), 2),
        "executing_ms_by_table": {
            table: round(median(e.by_table[table] for e in each), 2) for table in each[0].by_table
        },
        "rows_by_table": each[0].rows_read,
    }


@contextmanager
def _api(url: str) -> Generator[str]:
    """The address of the reads of a scorecard's api that runs alone."""
    environment = os.environ | {"DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    environment["VOC_AUTH_KEYS_FILE"] = str(keys_file())
    with Fleet(default_home() / "logs", environment, restart=False) as fleet:
        fleet.start("scorecard", "api")
        fleet.wait_ready()
        yield f"{fleet.url('scorecard')}/v1/scorecard"


async def _over_http(where: str, records: int, reads: int) -> dict[str, float]:
    """One reader, one read after another; all records must be there."""
    headers = {"authorization": f"Bearer {api.token(TENANT, 'scorecard:read', minutes=600)}"}
    seconds: list[float] = []
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        for _ in range(reads):
            began = time.perf_counter()
            answer = await http.get(where, params={"window": "30d"})
            seconds.append(time.perf_counter() - began)
            answer.raise_for_status()
        answer = await http.get(where, params={"window": "90d"})
    found = answer.json()["whole"]["volume"]["records"]
    if found != records:
        raise RuntimeError(f"{found} of {records} records are on the scorecard")
    return percentiles(seconds)


def measure(sizes: Sequence[int], reads: int) -> dict[str, Any]:
    """On a Postgres of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        os.environ["VOC_HOME"] = folder
        deployment.ensure_keys(keys_file())
        with Postgres(Path(folder) / "postgres") as server:
            url = server.url()
            asyncio.run(migrate(url, "scorecard"))
            with _api(url) as where:
                return asyncio.run(run(url, where, sizes, reads))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs=3, default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--reads", type=int, default=200)
    asked = parser.parse_args()
    report = measure(asked.events, asked.reads)
    print(msgspec.json.format(msgspec.json.encode(report)).decode())


if __name__ == "__main__":
    main()
