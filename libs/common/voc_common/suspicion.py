"""What tells poison from a bug, and an event that kills its worker from one that is refused."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from voc_common.bus import Message
from voc_common.postgres.database import Database, Transaction
from voc_common.postgres.dead_letters import OPERATOR, DeadLetter

_WINDOW = 2000
"""Events over which the share of refused ones is looked at."""
_DEADLY = 2
"""Tries that may end without a word before an event is taken to be their cause."""


class Outage(RuntimeError):
    """So many events of several tenants were refused that it must be a bug: the worker stops."""


class Refused:
    """The share of refused events lately; more than `most` of them, of several tenants, is no poison."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._window: deque[tuple[int, list[str]]] = deque()

    def note(self, handled: int, letters: Sequence[DeadLetter]) -> None:
        """Count a batch; raises `Outage`."""
        self._window.append((handled, [letter.tenant for letter in letters]))
        while sum(n for n, _ in self._window) - self._window[0][0] >= _WINDOW:
            self._window.popleft()
        total = sum(n for n, _ in self._window)
        bad = [tenant for _, tenants in self._window for tenant in tenants]
        if (
            letters
            and total >= _WINDOW // 10
            and len(bad) > self._most * total
            and len(set(bad) - {OPERATOR}) > 1
        ):
            raise Outage(f"{len(bad)} of the last {total} events were refused")


class Attempts:
    """Marks the first batch of each partition after an assignment, until it is done.

    Without the mark, an event that kills its worker would kill every worker that takes over.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = -1
        self._first: dict[tuple[str, int], int] = {}
        self._seen: set[tuple[str, int]] = set()

    async def begun(self, messages: Sequence[Message], generation: int) -> bool:
        """Mark what is first of its partition in this generation of the group; True if it has killed twice."""
        if self._generation != generation:
            self._generation = generation
            self._first = {}
            self._seen = set()
        fresh: dict[tuple[str, int], int] = {}
        for m in messages:
            place = (m.topic, m.partition)
            if place not in self._seen:
                fresh[place] = min(fresh.get(place, m.offset), m.offset)
        if not fresh:
            return False
        self._seen |= fresh.keys()
        self._first |= fresh
        ordered = sorted(fresh.items())

        async def use(tx: Transaction) -> Sequence[Any]:
            return await tx.rows(
                f"insert into {self._database.schema}.attempt as a (topic, partition, first, tries) "
                "select t, p, f, 1 from unnest(cast(:topics as text[]), cast(:partitions as int[]), "
                "cast(:firsts as bigint[])) as x(t, p, f) "
                "on conflict (topic, partition) do update set first = excluded.first, "
                "tries = case when a.first = excluded.first then a.tries + 1 else 1 end returning tries",
                topics=[t for (t, _), _ in ordered],
                partitions=[p for (_, p), _ in ordered],
                firsts=[f for _, f in ordered],
            )

        return any(r.tries > _DEADLY for r in await self._database.retried(use))

    async def survived(self, messages: Sequence[Message]) -> None:
        """Take the marks of these away."""
        if not self._first:
            return
        places = sorted({(m.topic, m.partition) for m in messages} & self._first.keys())
        for place in places:
            del self._first[place]
        if not places:
            return

        async def use(tx: Transaction) -> int:
            return await tx.run(
                f"delete from {self._database.schema}.attempt where (topic, partition) in "
                "(select * from unnest(cast(:topics as text[]), cast(:partitions as int[])))",
                topics=[t for t, _ in places],
                partitions=[p for _, p in places],
            )

        await self._database.retried(use)
