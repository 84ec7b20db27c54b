"""Live before bulk: an import uses what live work leaves over, a little at a time."""

import asyncio
import time

_REST = 5.0
"""Seconds that bulk work rests for each second that it took, while there is live work."""
_LONGEST = 1.0
"""Seconds of bulk work that count at most: what took longer has waited for a server that was away."""
_MEMORY = 5.0
"""Seconds for which live work is taken to go on after the last of it."""


class Lanes:
    """Tells bulk work when to step back; without live work it goes on as fast as it can."""

    def __init__(self) -> None:
        self._live_until = 0.0
        self._bulk_from = 0.0

    def live(self) -> None:
        """Live work is being done."""
        self._live_until = time.monotonic() + _MEMORY

    def shared(self) -> bool:
        """Whether there has been live work lately."""
        return time.monotonic() < self._live_until

    def worked(self, seconds: float) -> None:
        """Bulk work took so long; the rest that follows counts from now."""
        if self.shared():
            self._bulk_from = time.monotonic() + _REST * min(seconds, _LONGEST)

    def rest(self) -> float:
        """Seconds until bulk work may go on."""
        return max(self._bulk_from - time.monotonic(), 0.0) if self.shared() else 0.0


class Turns:
    """One bulk request after the other, each with its rest; live requests only say that they are there."""

    def __init__(self) -> None:
        self.lanes = Lanes()
        self._lock = asyncio.Lock()
        self._began = 0.0

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            await asyncio.sleep(self.lanes.rest())
        except BaseException:
            self._lock.release()
            raise
        self._began = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self.lanes.worked(time.monotonic() - self._began)
        self._lock.release()
