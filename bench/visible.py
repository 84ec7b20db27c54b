"""When accepted records can be seen on the scorecard.

One reader asks Postgres every 10 ms which of a few records of each request stand in the scorecard's rows: of every
partition the request's last one, behind which all others of the request are. So a time is at most 10 ms and one
look-up (about 1 ms) too long, never too short, and the reader takes a few per cent of a core.
"""

import asyncio
import time
from collections.abc import Sequence

from reader import Reader, reader
from voc_common.wire import partition

PERIOD = 0.01
MOST = 1000
"""Records that are asked for at once; older ones first."""
_SEEN = (
    "select record_id from scorecard.record "
    "where tenant = $1 and record_id = any($2::text[]) and rev_version <> ''"
)


class Visible:
    """Notes for each request how long after its acceptance all of it could be seen."""

    def __init__(self, url: str, tenant: str, partitions: int) -> None:
        self.seconds: list[float] = []
        self._url = url
        self._tenant = tenant
        self._partitions = partitions
        self._request_of: dict[str, int] = {}
        self._accepted: dict[int, float] = {}
        self._unseen: dict[int, int] = {}

    def expect(self, records: Sequence[str], accepted: float) -> None:
        """Wait for the records of a request that was accepted at this moment (`perf_counter`)."""
        last = {partition(f"{self._tenant}/{r}".encode(), self._partitions): r for r in records}
        number = len(self._accepted)
        self._accepted[number], self._unseen[number] = accepted, len(last)
        self._request_of |= dict.fromkeys(last.values(), number)

    @property
    def waiting(self) -> int:
        """Records that were accepted and not seen yet."""
        return len(self._request_of)

    async def run(self) -> None:
        """Look until cancelled."""
        async with reader(self._url) as connection:
            while True:
                await self._look(connection)
                await asyncio.sleep(PERIOD)

    async def _look(self, connection: Reader) -> None:
        wanted = list(self._request_of)[:MOST]
        if not wanted:
            return
        rows = await connection.rows(_SEEN, self._tenant, wanted)
        now = time.perf_counter()
        for (record,) in rows:
            number = self._request_of.pop(record)
            self._unseen[number] -= 1
            if not self._unseen[number]:
                self.seconds.append(now - self._accepted[number])

    async def drained(self, seconds: float = 120.0) -> int:
        """Wait until all is seen, for so long; returns how many records were not."""
        deadline = time.monotonic() + seconds
        while self.waiting and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return self.waiting
