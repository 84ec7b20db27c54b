"""What the faults are done to: the running system, its load, the poison, and the histories it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from faults.load import Load
from faults.outbreaks import History
from faults.poison import Poison
from harness.stand import Stand

POISON_SHARE = 0.01


@dataclass
class Scene:
    """One run."""

    stand: Stand
    load: Load
    poison: Poison
    history: History
    _topics_whole: asyncio.Lock = field(default_factory=asyncio.Lock)

    def tenants(self) -> list[str]:
        """All tenants of which records are archived."""
        return [self.load.telling.tenant, self.history.tenant]

    @asynccontextmanager
    async def no_poison(self) -> AsyncGenerator[None]:
        """No poison is injected meanwhile: what dies with a topic leaves no dead letter."""
        async with self._topics_whole:
            yield

    async def poisoning(self) -> None:
        """Keep the share of poison, until cancelled."""
        while True:
            accepted = len(self.load.telling.records)
            missing = int(accepted * POISON_SHARE) - self.poison.injected
            if missing > 0:
                async with self._topics_whole:
                    await self.poison.inject(missing)
            await asyncio.sleep(0.5)
