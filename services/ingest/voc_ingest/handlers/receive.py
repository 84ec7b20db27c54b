"""Accept items: into the archive in one transaction, then to the bus in the background."""

import asyncio
import time
from collections.abc import Sequence

from voc_common.events import Kind, Lane
from voc_common.postgres import Database, DatabaseAway

from voc_ingest.domain.months import month_start
from voc_ingest.domain.normalising import Refused
from voc_ingest.handlers.directory import Directory, Known
from voc_ingest.handlers.publishing import Publisher, Unsent
from voc_ingest.handlers.storing import Entry, Result, Stale, Storing, rejected
from voc_ingest.repository import records
from voc_ingest.repository.archiving import AlreadyTold


class Receipts:
    """Times of receipt: UTC microseconds, strictly increasing within this process."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, count: int) -> int:
        """The first of `count` consecutive times."""
        first = max(time.time_ns() // 1000, self._last + 1)
        self._last = first + count - 1
        return first


class Door:
    """What accepting needs: the database, who is known, the clock, the publisher."""

    def __init__(
        self, database: Database, directory: Directory, publisher: Publisher, store_seconds: float
    ) -> None:
        self._database = database
        self._directory = directory
        self._publisher = publisher
        self._receipts = Receipts()
        self._store_seconds = store_seconds
        self._months_until = 0
        self._retold: set[tuple[str, Kind]] = set()
        """Whose last batch held a record that was known: the next one is likely to as well."""

    async def receive(
        self,
        known: Known,
        event_kind: Kind,
        entries: Sequence[Entry | Refused],
        lane: Lane = "live",
        load: str = "",
    ) -> list[Result]:
        """Accept what can be accepted, all of it or nothing; a result for each entry.

        Raises `LoadClosed`, `DatabaseAway`. It gives up after `store_seconds`: the watermark waits no longer
        for a revision that was stamped but not committed.
        """
        if not load and all(isinstance(e, Refused) for e in entries):
            return [rejected(e) for e in entries if isinstance(e, Refused)]
        first = self._receipts.take(len(entries))
        try:
            async with asyncio.timeout(self._store_seconds):
                if first >= self._months_until:
                    await self._ensure_archive(first)
                return await self._stored(known, event_kind, entries, first, lane, load)
        except TimeoutError as error:
            raise DatabaseAway(f"not stored within {self._store_seconds} s") from error

    async def _stored(
        self,
        known: Known,
        event_kind: Kind,
        entries: Sequence[Entry | Refused],
        first: int,
        lane: Lane,
        load: str,
    ) -> list[Result]:
        tenant = known.row.tenant
        whose = (tenant, event_kind)
        assume_new = whose not in self._retold
        for _ in range(4):
            storing = Storing(known, event_kind, entries, first, lane, load, assume_new=assume_new)
            try:
                await self._database.retried(storing.run, tenant=tenant)
            except Stale:
                # Days are counted in the tenant's zone, which may still change before the first record.
                self._directory.forget(tenant)
                known = await self._directory.known(tenant)
                continue
            except AlreadyTold:
                assume_new = False
                continue
            if storing.messages:
                known.has_records = True
                self._publisher.offer(Unsent(tenant, storing.pending_id, storing.messages))
            if storing.all_new:
                self._retold.discard(whose)
            else:
                self._retold.add(whose)
            return storing.results
        raise DatabaseAway("the tenant's settings keep changing")

    async def _ensure_archive(self, at: int) -> None:
        async with self._database.transaction() as tx:
            for ahead in (0, 1, 2):
                await records.ensure_archive(tx, month_start(at, ahead))
        self._months_until = month_start(at, 2)
