"""A load that never rests: new feedback and activity, edits, corrections, merges, splits and erasures."""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from harness import world
from harness.telling import SHARES, Telling
from harness.waiting import until_none

CHUNK = 240
"""Items about the same forty people."""
BATCH = 12


class Load:
    """One tenant's load. Its records have known ids: `telling` knows what was accepted of it."""

    def __init__(self, telling: Telling, seed: int, pause: float = 0.25) -> None:
        self.telling = telling
        self.skew = timedelta()
        """How wrong the senders' clocks are."""
        self._rng = random.Random(seed)
        self._pause = pause
        self._edited: set[str] = set()
        """Ids of items that are edited: a correction that crosses an edit could be of either text."""
        self._probes = itertools.count()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Load for the time of a with-statement; an error in it ends the body."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for lane in (self._tell, self._people, self._correct, self._erase):
                tasks.create_task(lane(enough))
            yield
            enough.set()

    async def probe(self, seconds: float = 120) -> float:
        """Tell one record, and wait until the scorecard has counted it; returns the seconds that took."""
        item: dict[str, Any] = {
            "source": "desk",
            "id": f"probe-{next(self._probes)}",
            "kind": "ticket",
            "created_at": world.stamp(datetime.now(UTC).replace(microsecond=0)),
            "channel": "chat",
            "text": world.TEXTS[0],
            "identifiers": [],
            "product": "",
            "segment": "smb",
        }
        began = asyncio.get_running_loop().time()
        system, tenant = self.telling.system, self.telling.tenant
        answer = await system.done("POST", "ingest", "/v1/feedback", tenant, item)
        self.telling.note(item, answer, "feedback")

        async def missing() -> str:
            found = await system.rows(
                "select from scorecard.record where tenant = $1 and record_id = $2 "
                "and (dec_version <> '' or erased)",
                tenant,
                answer["record_id"],
            )
            return (
                "" if found else f"{item['id']} ({answer['record_id']}) is accepted and not counted"
            )

        await until_none(missing, seconds)
        return asyncio.get_running_loop().time() - began

    async def _tell(self, enough: asyncio.Event) -> None:
        """New items, some of them twice, their activities, and the edits of earlier ones."""
        edits: deque[list[dict[str, Any]]] = deque([[], []])
        for number in itertools.count():
            drawn = world.draw(
                self._rng.getrandbits(32), CHUNK, f"{number}-", first=number * CHUNK // 6
            )
            edited = {e["id"]: e for e in drawn.edits}
            activities = {a["id"]: a for a in drawn.activities}
            self._edited |= edited.keys()
            for begin in range(0, CHUNK, BATCH):
                if enough.is_set():
                    return
                items = [self._skewed(i) for i in drawn.items[begin : begin + BATCH]]
                await self.telling.send(items)
                await self.telling.send(self._rng.sample(items, 2))
                done = [activities[i["id"]] for i in items if i["id"] in activities]
                await self.telling.send(done, "activity")
                for due in edits:
                    await self.telling.send([self._stamped(e) for e in due])
                edits.appendleft(
                    [
                        edited[i["id"]] | {"created_at": i["created_at"]}
                        for i in items
                        if i["id"] in edited
                    ]
                )
                edits.pop()
                await asyncio.sleep(self._pause)

    def _skewed(self, item: dict[str, Any]) -> dict[str, Any]:
        """Created by a clock that is wrong."""
        moment = datetime.fromisoformat(item["created_at"]) + self.skew
        return item | {"created_at": world.stamp(moment)}

    def _stamped(self, edit: dict[str, Any]) -> dict[str, Any]:
        """An edit as its source tells it at this moment, by a clock that may be wrong: each telling is another."""
        if "updated_at" not in edit:
            return edit
        moment = datetime.now(UTC).replace(microsecond=0) + self.skew
        text = self._rng.choice(world.TEXTS[:-1])
        return edit | {"updated_at": world.stamp(moment), "text": text}

    async def _people(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            if len(await self.telling.living()) > 20:
                await self.telling.people(1)
            await asyncio.sleep(4 * self._pause)

    async def _erase(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            told = self.telling
            living = [r["record_id"] for r in await told.living()]
            if living and len(await told.gone()) < SHARES["erased"] * len(told.records):
                await told.say("DELETE", f"/v1/persons/{self._rng.choice(living)}", None)
            await asyncio.sleep(6 * self._pause)

    async def _correct(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            still = {
                r for r, i in self.telling.told.feedback.items() if i["id"] not in self._edited
            }
            await self.telling.correct(4, still)
            await asyncio.sleep(6 * self._pause)
