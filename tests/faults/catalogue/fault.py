"""What a fault is: something that is done to the running system, held for a while, and undone."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from faults.scene import Scene

Happening = Callable[[Scene, random.Random], AbstractAsyncContextManager[str]]
"""Does the fault when entered, says to what, and undoes it when left."""


class Impossible(Exception):
    """This machine does not let the fault be done; the message says why."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault, and for how many seconds it is held at least and at most.

    `alone`: it is never done while another lasts, because its own steps ask something of the system.
    """

    name: str
    happening: Happening
    hold: tuple[float, float]
    alone: bool = False


@dataclass
class Fault:
    """One fault of a schedule."""

    kind: Kind
    seed: int
    seconds: float
    said: str = ""
    _held: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def name(self) -> str:
        """Of its kind."""
        return self.kind.name

    async def do(self, scene: Scene) -> None:
        """Let it happen; raises `Impossible`."""
        happening = self.kind.happening(scene, random.Random(self.seed))
        self.said = await self._held.enter_async_context(happening)

    async def undo(self) -> None:
        """Put everything back as it was; harmless if it never happened."""
        await self._held.aclose()
