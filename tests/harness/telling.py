"""A tenant's story told to the running system, with all that makes it hard, and what must be counted of it."""

import asyncio
import random
import secrets
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from voc_common import bus, wire
from voc_common.events import ActivityIdentified, FeedbackIdentified, RecordsMoved
from voc_identity.handlers.found import edge_of
from voc_identity.repository import EdgeRow
from voc_taxonomy import models
from voc_taxonomy.domain.decisions import decide
from voc_taxonomy.domain.scorer import Scorer

from harness import oracle, world
from harness.oracle import Told
from harness.system import System

ZONE = "Europe/Berlin"
DIMENSIONS = ("cause", "channel", "segment", "product")
SHARES = {"moved": 0.30, "edited": 0.10, "corrected": 0.10, "erased": 0.05}
"""What the law is held against: so much of the records changes person, is edited, corrected, erased."""


async def begin(system: System, seed: int) -> "Telling":
    """A fresh tenant about whom nothing has been told."""
    return Telling(system, await system.tenant(ZONE), seed)


class Telling:
    """Tells a world to the system and remembers what must be so."""

    def __init__(self, system: System, tenant: str, seed: int) -> None:
        self.system = system
        self.tenant = tenant
        self.seed = seed
        self.rng = random.Random(seed)
        self.stories = 0
        self.told = Told(ZONE)
        self.accepted: dict[str, set[str]] = {"feedback": set(), "activity": set()}
        """Ids of the records that were accepted over HTTP, by what they are."""
        self.edited: set[str] = set()

    @property
    def records(self) -> set[str]:
        """Ids of all records that were accepted."""
        return self.accepted["feedback"] | self.accepted["activity"]

    async def story(self, size: int, *, people_first: bool = False) -> None:
        """Everything at once: items shuffled and repeated, edits, commands and corrections while it runs.

        `people_first`: taxonomy rests meanwhile, so the scorecard hears whose the records are before the records.
        """
        self.stories += 1
        drawn = world.draw(self.rng.getrandbits(32), size, f"{self.stories}-")
        items = list(drawn.items)
        self.rng.shuffle(items)
        half = len(items) // 2
        resting = self.system.fleet.of("taxonomy", "worker") if people_first else []
        await asyncio.gather(*(asyncio.to_thread(p.stop) for p in resting))
        await self.send(items[:half])
        await self.identified()
        await asyncio.gather(
            self.send(items[half:]),
            self.send(drawn.activities, "activity"),
            self.people(size // 20),
        )
        if resting:
            assert await self.known_by_person_alone() > size // 10
            for process in resting:
                process.start()
        await self.system.settled()
        await asyncio.gather(self.people(size // 20), self.correct(size // 6))
        await self.erase(SHARES["erased"])
        await self.send(drawn.edits)
        stamped = [e for e in drawn.edits if "updated_at" in e]
        await self.send(self.rng.sample(stamped, len(stamped) // 2))

    async def stories_until(self, enough: asyncio.Event, size: int) -> None:
        """One story after the other."""
        while not enough.is_set():
            await self.story(size)

    async def send(self, items: Iterable[dict[str, Any]], door: str = "feedback") -> None:
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
                for item, result in zip(batch, answer["results"], strict=True):
                    self.note(item, result, door)

        await asyncio.gather(*(post() for _ in range(4)))

    def note(self, item: dict[str, Any], result: Mapping[str, Any], door: str) -> None:
        """A source's later stamp wins, any over none; with equal stamps the one told later stands."""
        assert result["status"] in ("accepted", "unchanged", "erased"), result
        record = result["record_id"]
        if result["status"] == "accepted" and record in self.accepted[door]:
            self.edited.add(record)
        self.accepted[door].add(record)
        if result["status"] == "erased":
            return
        kept = self.told.feedback if door == "feedback" else self.told.activities
        before = kept.get(record)
        if before is None or before.get("updated_at", "") <= item.get("updated_at", ""):
            # Its middle part is the receipt: nothing happened later than it was told.
            kept[record] = item | {"received": int(result["revision"][16:32], 16)}

    async def identified(self) -> None:
        """Wait until identity knows every record that was told so far."""
        async with asyncio.timeout(120):
            while True:
                [row] = await self.system.rows(
                    "select count(*) as n from identity.record where tenant = $1", self.tenant
                )
                if row["n"] >= len(self.records):
                    return
                await asyncio.sleep(0.05)

    async def known_by_person_alone(self) -> int:
        """Records of which the scorecard has heard whose they are, and nothing else."""
        await self.system.settled(only=("ingest", "identity", "scorecard"))
        [row] = await self.system.rows(
            "select count(*) as n from scorecard.record "
            "where tenant = $1 and att_version <> '' and rev_version = ''",
            self.tenant,
        )
        return row["n"]

    async def people(self, count: int) -> None:
        """Merges, splits, undos and erasures among the records that identity knows."""
        for _ in range(count):
            rows = await self.living()
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

    async def living(self) -> list[Mapping[str, Any]]:
        """The records that identity knows a person of."""
        return await self.system.rows(
            "select record_id, person from identity.record where tenant = $1 and not erased and person <> '' "
            "order by record_id",
            self.tenant,
        )

    async def erase(self, share: float) -> None:
        """Erase persons until this share of all records is erased."""
        while len(await self.gone()) < share * len(self.records):
            record = self.rng.choice([r["record_id"] for r in await self.living()])
            await self.say("DELETE", f"/v1/persons/{record}", None)

    async def say(self, method: str, path: str, body: Any) -> None:
        """A command that may come too late: then it is refused, and nothing has changed."""
        answer = await self.system.call(method, "identity", path, self.tenant, body)
        assert answer.status_code in (200, 201, 307, 404, 409), answer.text

    async def correct(self, count: int, among: Collection[str] | None = None) -> None:
        """Corrections of records that taxonomy has decided on, any or of some."""
        causes = [n.id for n in models.starter_taxonomy().nodes if n.parent][:12]
        rows = await self.system.rows(
            "select record_id, text from taxonomy.record where tenant = $1 and not erased and text <> '' "
            "and decision <> '' order by record_id",
            self.tenant,
        )
        rows = [r for r in rows if among is None or r["record_id"] in among]
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

    async def gone(self) -> set[str]:
        """The records that are erased."""
        rows = await self.system.rows(
            "select record_id from identity.record where tenant = $1 and erased", self.tenant
        )
        return {r["record_id"] for r in rows}

    async def moved(self) -> set[str]:
        """The records that identity has given to more than one person, by all it has said on the bus."""
        topics = ["voc.feedback.identified", "voc.activity.identified", "voc.people"]
        system, group = self.system, f"reader{secrets.token_hex(4)}"
        left = await bus.group_lag(system.kafka, system.namespace, group, topics)
        reader = bus.Consumer(system.kafka, system.namespace, group, topics, 10_000)
        await reader.start()
        persons: dict[str, set[str]] = defaultdict(set)
        try:
            async with asyncio.timeout(60):
                while left > 0:
                    messages = await reader.poll(1000, 0)
                    left -= len(messages)
                    for event in (wire.decode(m.headers, m.value) for m in messages):
                        if getattr(event, "tenant", "") != self.tenant:
                            continue
                        if isinstance(event, FeedbackIdentified | ActivityIdentified):
                            persons[event.record_id].add(event.attribution.person)
                        elif isinstance(event, RecordsMoved):
                            for one in event.records:
                                persons[one.record_id].add(one.person)
        finally:
            await reader.stop()
        return {record for record, found in persons.items() if len(found) > 1}

    async def hard_enough(self) -> None:
        """So much has happened to the records as the law promises to bear."""
        await self.system.settled()
        happened = {
            "moved": await self.moved(),
            "edited": self.edited,
            "corrected": {record for record, _ in self.told.corrected},
            "erased": await self.gone(),
        }
        shares = {name: len(found) / len(self.records) for name, found in happened.items()}
        said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        sys.stdout.write(f"seed {self.seed}: {len(self.records)} records, {said}\n")
        weak = {name: share for name, share in shares.items() if share < SHARES[name]}
        assert not weak, f"not as hard as promised: {said}"

    async def learn(self) -> bytes:
        """What people said and what was erased, from identity; returns the secret that keys its hashes."""
        self.told.erased = await self.gone()
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

    async def replayed(self) -> None:
        """Tell the archive again, and wait until all of it has been published and handled."""
        await self.system.replay(self.tenant)
        await self.system.settled()
