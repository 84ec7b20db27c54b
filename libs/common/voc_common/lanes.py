"""Live before bulk: an import uses what live work leaves over, a little at a time."""

import asyncio
import contextlib
import time
from collections.abc import Generator

_REST = 5.0
"""Seconds that bulk work rests for each second that it took, while there is live work, whose own time does not count."""
_LONGEST_REST = 10.0
"""Seconds that a rest takes at most: whoever waits for it, and a few before it, shall not give up meanwhile."""
_LONGEST = 1.0
"""Seconds of bulk work that count at most: what took longer has waited for a server that was away."""
_MEMORY = 5.0
"""Seconds for which live work is taken to go on after the last of it."""


class Lanes:
    """Tells bulk work when to step back; without live work it goes on as fast as it can."""

    def __init__(self) -> None:
        self._live_until = 0.0
        self._bulk_from = 0.0
        self._at_latest = 0.0

    def live(self, seconds: float = 0.0) -> None:
        """Live work is being done, or has just taken so long, by which a rest that it fell into is the longer.

        So the less live work leaves over, the smaller the part of that which an import takes.
        """
        now = time.monotonic()
        self._live_until = now + _MEMORY
        if now - seconds < self._bulk_from:
            self._bulk_from = min(self._bulk_from + seconds, self._at_latest)

    def shared(self) -> bool:
        """Whether there has been live work lately."""
        return time.monotonic() < self._live_until

    def worked(self, seconds: float) -> None:
        """Bulk work took so long; the rest that follows counts from now."""
        if self.shared():
            now = time.monotonic()
            self._bulk_from = now + _REST * min(seconds, _LONGEST)
            self._at_latest = now + _LONGEST_REST

    def rest(self) -> float:
        """Seconds until bulk work may go on."""
        return max(self._bulk_from - time.monotonic(), 0.0) if self.shared() else 0.0


class Turns:
    """One bulk request after the other, each with its rest; live requests only say that they are there, and for how long."""

    def __init__(self) -> None:
        self._lanes = Lanes()
        self._lock = asyncio.Lock()
        self._began = 0.0

    @contextlib.contextmanager
    def live(self) -> Generator[None]:
        """Around a live request."""
        began = time.monotonic()
        self._lanes.live()
        try:
            yield
        finally:
            self._lanes.live(time.monotonic() - began)

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            while rest := self._lanes.rest():  # noqa: ASYNC110 - a clock is waited for, which live requests put off
                await asyncio.sleep(rest)
        except BaseException:
            self._lock.release()
            raise
        self._began = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self._lanes.worked(time.monotonic() - self._began)
        self._lock.release()
