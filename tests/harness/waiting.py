"""Waiting for a condition, up to a deadline, with a message that says what is missing."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Missing(AssertionError):
    """A condition did not come about in time; the message says which, and what is missing."""


async def until(true: Callable[[], bool], seconds: float = 60, what: str = "") -> None:
    """Wait for a condition that is asked of a process or a server, in a thread."""

    async def missing() -> str:
        return "" if await asyncio.to_thread(true) else what or "not so"

    await until_none(missing, seconds)


async def until_none(missing: Callable[[], Awaitable[str]], seconds: float = 60) -> None:
    """Wait until nothing is missing; `missing` says what is, "" when nothing."""
    deadline = time.monotonic() + seconds
    while why := await missing():
        if time.monotonic() > deadline:
            raise Missing(f"after {seconds:.0f} s: {why}")
        await asyncio.sleep(0.05)
