"""Single posts that come at the same time share one transaction and one batch on the bus."""

import asyncio

from msgspec import Struct
from voc_common.events import Kind
from voc_common.postgres import DataError

from voc_ingest.handlers.directory import Known
from voc_ingest.handlers.receive import Door
from voc_ingest.handlers.storing import Entry, Result

_AT_ONCE = 500


class _Waiting(Struct, frozen=True):
    entry: Entry
    result: asyncio.Future[Result]


class _Group:
    """The posts of one tenant and kind that wait for a transaction."""

    def __init__(self) -> None:
        self.known: Known | None = None
        self.waiting: list[_Waiting] = []
        self.task: asyncio.Task[None] | None = None


class Gatherer:
    """Waits `gather_ms` for company, or for the transaction before, and stores all that has come."""

    def __init__(self, door: Door, gather_ms: float) -> None:
        self._door = door
        self._seconds = gather_ms / 1000
        self._groups: dict[tuple[str, Kind], _Group] = {}

    async def receive(self, known: Known, event_kind: Kind, entry: Entry) -> Result:
        """Accept one item."""
        key = (known.row.tenant, event_kind)
        group = self._groups.setdefault(key, _Group())
        group.known = known
        one = _Waiting(entry, asyncio.get_running_loop().create_future())
        group.waiting.append(one)
        if group.task is None:
            group.task = asyncio.create_task(self._run(key, group))
        return await one.result

    async def _run(self, key: tuple[str, Kind], group: _Group) -> None:
        try:
            while group.waiting:
                await asyncio.sleep(self._seconds)
                taken, group.waiting = group.waiting[:_AT_ONCE], group.waiting[_AT_ONCE:]
                assert group.known is not None
                await self._store(group.known, key[1], taken)
        finally:
            group.task = None
            self._groups.pop(key, None)

    async def _store(self, known: Known, event_kind: Kind, taken: list[_Waiting]) -> None:
        try:
            results = await self._door.receive(known, event_kind, [w.entry for w in taken])
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
            for one, result in zip(taken, results, strict=True):
                if not one.result.done():
                    one.result.set_result(result)


def _fail(taken: list[_Waiting], error: Exception) -> None:
    for one in taken:
        if not one.result.done():
            one.result.set_exception(error)
