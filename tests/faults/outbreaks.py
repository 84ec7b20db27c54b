"""A history with outbreaks in it, told by its own stamps: hot issues and items must not hang on what happened meanwhile.

The detector is a pure function of closed buckets by `known_at`. Of live records that is the receipt, which no
second run can repeat; of a history load it is the source's own stamp. So one tenant is told a history while the
faults go on, another tenant the same history when all is well again, and both must come to the same issues and
items, names of tenants and ids apart.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from harness import world
from harness.system import System
from harness.waiting import until_none

DAYS = 34
BATCH = 40
BUCKET = 600_000_000
TOLD_LATE = 60_000_000
"""Microseconds after its end by which a bucket is judged: the slack of the detector, and two ticks."""
_ISSUE = (
    "cause, stage, product, segment, state, onset, detected_at, seen_at, people, expected, p_real, "
    "evidence - 'records' as evidence"
)
_ITEM = (
    "cause, stage, product, ordinal, state, title, owner, owner_from, priority, people, detected_at, "
    "cardinality(issues) as issues"
)


def history(seed: int) -> list[dict[str, Any]]:
    """Quiet weeks, and two days on which many people say the same."""
    rng = random.Random(seed)
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=8)
    items = [
        _item(rng, f"quiet-{day}-{n}", end - timedelta(days=day), rng.choice(world.TEXTS[:-1]))
        for day in range(DAYS)
        for n in range(20)
    ]
    for day, text in ((6, world.TEXTS[0]), (2, world.TEXTS[4])):
        items += [
            _item(rng, f"hot-{day}-{n}", end - timedelta(days=day), text, hours=(10, 15))
            for n in range(36)
        ]
    return sorted(items, key=lambda i: i["created_at"])


def _item(
    rng: random.Random, ident: str, day: datetime, text: str, hours: tuple[int, int] = (7, 20)
) -> dict[str, Any]:
    moment = day + timedelta(seconds=rng.randrange(hours[0] * 3600, hours[1] * 3600))
    return {
        "source": "desk",
        "id": ident,
        "kind": "ticket",
        "created_at": world.stamp(moment),
        "text": text,
        "identifiers": [{"type": "email", "value": f"{ident}@past.com"}],
        "product": rng.choice(["web", "mobile"]),
        "segment": rng.choice(["smb", "enterprise"]),
    }


class History:
    """A tenant that is told a history by one load."""

    def __init__(self, system: System, tenant: str) -> None:
        self.system = system
        self.tenant = tenant

    async def tell(
        self,
        items: Sequence[dict[str, Any]],
        pause: float = 0.0,
        hurry: asyncio.Event | None = None,
    ) -> None:
        """Load all of it, a batch after the other, and say that it is complete.

        `pause`: seconds between two batches, until one need not wait any more: `hurry`.
        """
        hurry = hurry or asyncio.Event()
        body = {"source": "desk", "history": True}
        load = (await self.system.done("POST", "ingest", "/v1/loads", self.tenant, body))["load"]
        for begin in range(0, len(items), BATCH):
            answer = await self.system.done(
                "POST",
                "ingest",
                "/v1/feedback/batch",
                self.tenant,
                {"items": list(items[begin : begin + BATCH])},
                load=load,
            )
            assert not answer["rejected"], answer
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await hurry.wait()
        await self.system.done("POST", "ingest", f"/v1/loads/{load}/complete", self.tenant)

    async def judged(self, seconds: float = 180) -> None:
        """Wait until all of it is counted, judged up to now, and what that says is heard by all."""
        await self.system.settled(seconds)

        async def missing() -> str:
            rows = await self.system.rows(
                "select judged, dirty_from from scorecard.watch where tenant = $1", self.tenant
            )
            closed = (time.time_ns() // 1000 - TOLD_LATE) // BUCKET - 1
            done = [r for r in rows if r["dirty_from"] is None and (r["judged"] or 0) >= closed]
            return "" if done else f"{self.tenant} is judged up to {rows}, {closed} is closed"

        await until_none(missing, seconds)
        await self.system.settled(seconds)

    async def issues(self) -> list[dict[str, Any]]:
        """What is hot, ids apart."""
        return await self._sorted(
            f"{_ISSUE} from scorecard.hot_issue where state <> 'withdrawn' and"
        )

    async def items(self) -> list[dict[str, Any]]:
        """What was filed, ids apart."""
        return await self._sorted(f"{_ITEM} from backlog.item where")

    async def _sorted(self, what: str) -> list[dict[str, Any]]:
        rows = await self.system.rows(f"select {what} tenant = $1", self.tenant)
        return sorted((dict(r) for r in rows), key=str)


async def same(faulty: History, quiet: History) -> list[str]:
    """Wait until both are judged; says what differs."""
    await faulty.judged()
    await quiet.judged()
    wrong: list[str] = []
    for what, one, other in (
        ("hot issues", await faulty.issues(), await quiet.issues()),
        ("items", await faulty.items(), await quiet.items()),
    ):
        if not other:
            wrong.append(f"no {what} in the quiet run: it shows nothing")
        if one != other:
            extra = [x for x in one if x not in other]
            lacking = [x for x in other if x not in one]
            wrong.append(f"{what} differ: {extra[:2]} under faults, {lacking[:2]} without")
    return wrong
