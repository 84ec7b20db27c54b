"""Requests that come at the same time share one transaction and one batch on the bus."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct
from voc_common.events import Kind
from voc_common.postgres import DataError

from voc_ingest.domain.normalising import Refused
from voc_ingest.handlers.directory import Known
from voc_ingest.handlers.receive import Door
from voc_ingest.handlers.storing import Entry, Result

_AT_ONCE = 1000
"""Entries of a transaction, if several requests share it."""


class _Waiting(Struct, frozen=True):
    entries: Sequence[Entry | Refused]
    results: asyncio.Future[list[Result]]


class _Group:
    """The requests of one tenant and kind that wait for a transaction."""

    def __init__(self) -> None:
        self.known: Known | None = None
        self.waiting: list[_Waiting] = []
        self.task: asyncio.Task[None] | None = None

    def next(self) -> list[_Waiting]:
        """Take requests for one transaction: one at least, and as many as have room."""
        count, total = 1, len(self.waiting[0].entries)
        for one in self.waiting[1:]:
            total += len(one.entries)
            if total > _AT_ONCE:
                break
            count += 1
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


class Gatherer:
    """Stores all that has come while the transaction before was under way.

    Single posts also wait `gather_ms` for company: one alone would cost as much as a hundred.
    """

    def __init__(self, door: Door, gather_ms: float) -> None:
        self._door = door
        self._seconds = gather_ms / 1000
        self._groups: dict[tuple[str, Kind], _Group] = {}

    async def receive(
        self, known: Known, event_kind: Kind, entries: Sequence[Entry | Refused]
    ) -> list[Result]:
        """Accept the items of a live request; a result for each. Raises what `Door.receive` does, and `DataError`."""
        key = (known.row.tenant, event_kind)
        group = self._groups.setdefault(key, _Group())
        group.known = known
        one = _Waiting(entries, asyncio.get_running_loop().create_future())
        group.waiting.append(one)
        if group.task is None:
            group.task = asyncio.create_task(self._run(key, group))
        return await one.results

    async def _run(self, key: tuple[str, Kind], group: _Group) -> None:
        try:
            while group.waiting:
                if all(len(one.entries) == 1 for one in group.waiting):
                    await asyncio.sleep(self._seconds)
                assert group.known is not None
                await self._store(group.known, key[1], group.next())
        finally:
            group.task = None
            self._groups.pop(key, None)

    async def _store(self, known: Known, event_kind: Kind, taken: list[_Waiting]) -> None:
        together = [entry for one in taken for entry in one.entries]
        try:
            results = await self._door.receive(known, event_kind, together)
        except DataError as error:
            if len(taken) == 1:
                _fail(taken, error)
                return
            # One refused value must not refuse its neighbours.
            for one in taken:
                await self._store(known, event_kind, [one])
        except Exception as error:  # noqa: BLE001
            _fail(taken, error)
        else:
            at = 0
            for one in taken:
                if not one.results.done():
                    one.results.set_result(results[at : at + len(one.entries)])
                at += len(one.entries)


def _fail(taken: list[_Waiting], error: Exception) -> None:
    for one in taken:
        if not one.results.done():
            one.results.set_exception(error)
