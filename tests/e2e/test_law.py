"""The law, over the whole product: what was told over HTTP, in any order and however often, is what is counted.

Real processes, two workers of every service, edits, duplicates, corrections, merges, splits, erasures,
replays, killed workers; then every number is held against a recomputation in plain Python.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import oracle, world
from harness.oracle import Told
from harness.system import System
from voc_identity.handlers.recluster import edge_of
from voc_identity.repository import EdgeRow
from voc_taxonomy import models
from voc_taxonomy.domain.decisions import decide
from voc_taxonomy.domain.scorer import Scorer

pytestmark = pytest.mark.slow

ZONE = "Europe/Berlin"
DIMENSIONS = ("cause", "channel", "segment", "product")


@pytest.fixture(scope="module")
async def system(
    database_url: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    found = System(database_url, kafka_bootstrap, Path(tmp_path_factory.mktemp("law")))
    await found.start(workers=2)
    yield found
    await found.stop()


class Telling:
    """Tells a world to the system and remembers what must be so."""

    def __init__(self, system: System, tenant: str, rng: random.Random) -> None:
        self.system = system
        self.tenant = tenant
        self.rng = rng
        self.told = Told(ZONE)
        self.texts: dict[str, str] = {}

    async def send(
        self, items: list[dict[str, Any]], door: str = "feedback", *, note: bool = True
    ) -> None:
        """Post items in random batches, several requests at a time."""
        left = list(items)
        batches: list[list[dict[str, Any]]] = []
        while left:
            size = self.rng.choice([1, 7, 40, 120])
            batches.append(left[:size])
            left = left[size:]
        queue = iter(batches)

        async def post() -> None:
            for batch in queue:
                path = f"/v1/{door}/batch"
                answer = await self.system.done(
                    "POST", "ingest", path, self.tenant, {"items": batch}
                )
                if note:
                    for item, result in zip(batch, answer["results"], strict=True):
                        self.note(item, result, door)

        await asyncio.gather(*(post() for _ in range(4)))

    def note(self, item: dict[str, Any], result: dict[str, Any], door: str) -> None:
        """A source's stamp wins over none; without stamps the later one stands."""
        assert result["status"] in ("accepted", "unchanged", "erased"), result
        if result["status"] == "erased":
            return
        kept = self.told.feedback if door == "feedback" else self.told.activities
        before = kept.get(result["record_id"])
        if before is None or "updated_at" not in before or "updated_at" in item:
            kept[result["record_id"]] = item

    async def people(self, count: int) -> None:
        """Merges, splits, undos and erasures among the records that identity knows."""
        for _ in range(count):
            rows = await self.system.rows(
                "select record_id, person from identity.record where tenant = $1 and not erased and person <> '' "
                "order by record_id",
                self.tenant,
            )
            a, b = self.rng.sample([r["record_id"] for r in rows], 2)
            roll = self.rng.random()
            if roll < 0.5:
                await self.say("POST", "/v1/merges", {"persons": [a, b], "reason": "test"})
            elif roll < 0.7:
                person = next(r["person"] for r in rows if r["record_id"] == a)
                mine = [r["record_id"] for r in rows if r["person"] == person]
                body = {"person": person, "records": mine[: max(len(mine) // 2, 1)]}
                await self.say("POST", "/v1/splits", body)
            elif roll < 0.85:
                edges = (await self.system.done("GET", "identity", "/v1/edges", self.tenant))[
                    "items"
                ]
                standing = [e["edge"] for e in edges if e["retracted_at"] is None]
                if standing:
                    await self.say("DELETE", f"/v1/edges/{self.rng.choice(standing)}", None)
            else:
                await self.say("DELETE", f"/v1/persons/{a}", None)

    async def say(self, method: str, path: str, body: Any) -> None:
        """A command that may come too late: then it is refused, and nothing has changed."""
        answer = await self.system.call(method, "identity", path, self.tenant, body)
        assert answer.status_code in (200, 201, 307, 404, 409), answer.text

    async def correct(self, count: int, causes: list[str]) -> None:
        """Corrections of records that taxonomy has decided on."""
        rows = await self.system.rows(
            "select record_id, text from taxonomy.record where tenant = $1 and not erased and text <> '' "
            "and decision <> '' order by record_id",
            self.tenant,
        )
        for row in self.rng.sample(rows, min(count, len(rows))):
            chosen = self.rng.sample(causes, self.rng.randrange(3))
            path = f"/v1/records/{row['record_id']}/corrections"
            answer = await self.system.call(
                "POST", "taxonomy", path, self.tenant, {"causes": chosen}
            )
            if answer.status_code == 404:
                continue
            assert answer.status_code == 201, answer.text
            self.told.corrected[row["record_id"], row["text"]] = chosen

    async def learn(self) -> bytes:
        """What people said and what was erased, from identity; returns the secret that keys its hashes."""
        gone = await self.system.rows(
            "select record_id from identity.record where tenant = $1 and erased", self.tenant
        )
        self.told.erased = {r["record_id"] for r in gone}
        there = (self.told.feedback.keys() | self.told.activities.keys()) - self.told.erased
        rows = await self.system.rows(
            "select tenant, edge, kind, left_records, right_records from identity.edge "
            "where tenant = $1 and retracted_at is null",
            self.tenant,
        )
        self.told.edges = [edge_of(EdgeRow(**r), there) for r in rows]
        [row] = await self.system.rows(
            "select secret from identity.tenant where tenant = $1", self.tenant
        )
        return row["secret"]

    async def expected(self) -> oracle.Numbers:
        """Every number, recomputed."""
        model, _ = models.starter_model()
        taxonomy = models.starter_taxonomy()
        scorer = Scorer(model, models.vectors())
        known = {t: [c.id for c in decide(scorer, taxonomy, [t])[0].causes] for t in world.TEXTS}
        secret = await self.learn()
        return oracle.numbers(oracle.facts(self.told, secret, known.__getitem__))

    async def counted(self) -> oracle.Numbers:
        """Every number, as the API tells it."""
        found = oracle.Numbers({}, {}, {}, {})
        for by in DIMENSIONS:
            card = await self.system.done(
                "GET", "scorecard", "/v1/scorecard", self.tenant, by=by, window="90d"
            )
            for cell in (card["whole"], *card["cells"]):
                volume = cell["volume"]
                if not volume["records"]:
                    continue
                found.records[cell["cell"]] = volume["records"]
                found.people[cell["cell"]] = volume["people"] + volume["without_person"]
                for score in cell["scores"]:
                    if score["n"]:
                        key = (cell["cell"], "recommend")
                        found.nps[key] = (score["n"], score["promoters"], score["detractors"])
        return found

    async def check(self) -> None:
        """Hold the one against the other."""
        await self.system.settled()
        wanted, there = await self.expected(), await self.counted()
        activities = {c for c in wanted.records if c.startswith("activity:")}
        assert there.records == {c: n for c, n in wanted.records.items() if c not in activities}
        assert there.people == {c: n for c, n in wanted.people.items() if c not in activities}
        assert there.nps == wanted.nps
        [row] = await self.system.rows(
            "select count(*) as n from scorecard.record where tenant = $1 and rev_version <> '' and kind = 'contact_opened'",
            self.tenant,
        )
        assert row["n"] == len(self.told.activities.keys() - self.told.erased)


async def tell(system: System, seed: int, size: int = 400) -> Telling:
    """Everything at once: items shuffled and repeated, edits, commands and corrections while it runs."""
    rng = random.Random(seed)
    tenant = await system.tenant(ZONE)
    telling = Telling(system, tenant, rng)
    drawn = world.draw(seed, size)
    items = list(drawn.items)
    rng.shuffle(items)
    half = len(items) // 2
    await telling.send(items[:half])
    await system.settled()
    causes = [n.id for n in models.starter_taxonomy().nodes if n.parent][:12]
    await asyncio.gather(
        telling.send(items[half:]),
        telling.send(drawn.activities, "activity"),
        telling.people(size // 20),
    )
    await system.settled()
    await asyncio.gather(telling.people(size // 20), telling.correct(size // 10, causes))
    await telling.send(drawn.edits)
    stamped = [e for e in drawn.edits if "updated_at" in e]
    await telling.send(rng.sample(stamped, len(stamped) // 2))
    return telling


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_order_and_repetition_counts_what_was_told(system: System, seed: int) -> None:
    telling = await tell(system, seed)
    await telling.check()


async def test_a_replay_changes_nothing(system: System) -> None:
    telling = await tell(system, 3, 240)
    await telling.check()
    for _ in range(2):
        await system.done("POST", "ingest", "/v1/replays", telling.tenant, {})
    await replayed(system, telling.tenant)
    await telling.check()


async def test_a_worker_killed_and_one_frozen_past_its_session(system: System) -> None:
    telling = await tell(system, 4, 240)
    drawn = world.draw(40, 240)
    items = [i | {"id": f"x{i['id']}"} for i in drawn.items]
    sending = asyncio.create_task(telling.send(items))
    for service in ("identity", "taxonomy", "scorecard"):
        first, second = system.fleet.of(service, "worker")[:2]
        await asyncio.to_thread(first.kill)
        second.freeze()
        await asyncio.sleep(float(system.environment["VOC_SESSION_TIMEOUT_MS"]) / 1000 + 2)
        system.fleet.tend()
        second.thaw()
    await sending
    await telling.check()


async def test_the_scorecard_emptied_and_rebuilt_from_the_archive(system: System) -> None:
    telling = await tell(system, 5, 240)
    await telling.check()
    before = await telling.counted()
    await system.done("POST", "scorecard", "/v1/rebuild", telling.tenant)
    assert (await telling.counted()).records == {}
    await system.done("POST", "ingest", "/v1/replays", telling.tenant, {})
    await replayed(system, telling.tenant)
    await telling.check()
    assert await telling.counted() == before


async def replayed(system: System, tenant: str) -> None:
    """Wait until every replay of a tenant has been published and handled."""
    async with asyncio.timeout(120):
        while True:
            rows = await system.rows(
                "select count(*) as n from ingest.replay where tenant = $1 and state <> 'done'",
                tenant,
            )
            if not rows[0]["n"]:
                break
            await asyncio.sleep(0.1)
    await system.settled()


async def test_two_workers_share_the_work_and_drain_when_asked(system: System) -> None:
    """Partitions are shared out, so each does its part; SIGTERM ends a worker in order, and nothing is lost."""
    before = await handled(system)
    telling = await tell(system, 6, 240)
    done = {name: count - before[name] for name, count in (await handled(system)).items()}
    for service in ("identity", "taxonomy", "scorecard"):
        counts = [done[p.name] for p in system.fleet.of(service, "worker")[:2]]
        assert min(counts) > sum(counts) / 4, f"{service}: {counts}"
    for service in system.services:
        worker = system.fleet.of(service, "worker")[1]
        assert await asyncio.to_thread(worker.stop) == 0
    await telling.check()


async def handled(system: System) -> dict[str, float]:
    """Messages handled by each worker, by its own count."""
    found: dict[str, float] = {}
    async with httpx.AsyncClient() as client:
        for process in system.fleet.processes:
            if process.role == "worker":
                page = (await client.get(f"{process.url}/metrics")).text
                lines = [x for x in page.splitlines() if x.startswith("voc_events_total{")]
                found[process.name] = sum(float(x.split()[-1]) for x in lines)
    return found
