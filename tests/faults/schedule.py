"""A seeded schedule of faults under load, and what is left when all is healed."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from faults import counting, outbreaks
from faults.catalogue import KINDS
from faults.catalogue.fault import Fault, Impossible, Kind
from faults.counting import Ledger
from faults.load import Load
from faults.outbreaks import History
from faults.poison import Poison, dead_letters
from faults.scene import Scene
from harness import telling
from harness.stand import standing

Say = Callable[[str], None]

OVERLAPPING = 0.25
"""How often a fault is done while the one before it lasts."""


@dataclass
class Happened:
    """A fault and what came of it; times in seconds since the schedule began, or long."""

    name: str
    at: float
    said: str
    lasted: float
    recovered: float
    with_next: bool


@dataclass
class Outcome:
    """A whole run."""

    seed: int
    count: int
    happened: list[Happened] = field(default_factory=list[Happened])
    impossible: dict[str, str] = field(default_factory=dict[str, str])
    ledger: Ledger = field(default_factory=Ledger)
    wrong: list[str] = field(default_factory=list[str])
    answers: dict[str, int] = field(default_factory=dict[str, int])
    poison: int = 0
    dead_letters: int = 0
    issues: int = 0
    items: int = 0
    drained: float = 0.0
    seconds: float = 0.0
    restarts: list[str] = field(default_factory=list[str])

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.ledger.wrong


def drawn(seed: int, count: int, kinds: Sequence[Kind] = KINDS) -> list[list[Fault]]:
    """`count` faults, alone or two that overlap; every kind comes before one comes again."""
    rng = random.Random(seed)
    bag: list[Kind] = []
    faults: list[Fault] = []
    while len(faults) < count:
        if not bag:
            bag = rng.sample(kinds, len(kinds))
        kind = bag.pop()
        faults.append(Fault(kind, rng.getrandbits(32), rng.uniform(*kind.hold)))
    groups: list[list[Fault]] = []
    for fault in faults:
        pairs = groups and len(groups[-1]) == 1 and not groups[-1][0].kind.alone
        if pairs and not fault.kind.alone and rng.random() < OVERLAPPING:
            groups[-1].append(fault)
        else:
            groups.append([fault])
    return groups


async def run(seed: int, count: int, say: Say) -> Outcome:
    """Do a schedule of `count` faults on a system of its own, heal it, and count."""
    began = time.monotonic()
    outcome = Outcome(seed, count)
    say(f"seed {seed}: {count} faults; again by make faults ARGS='--count {count} --seed {seed}'")
    async with standing() as stand:
        system = stand.system
        tenant = await telling.begin(system, seed)
        faulty = History(system, await system.tenant())
        quiet = History(system, await system.tenant())
        scene = Scene(stand, Load(tenant, seed), Poison(system, seed), faulty)
        past = outbreaks.history(seed)
        if stand.disk.why:
            say(f"NOT DONE, disk full under Postgres: {stand.disk.why}")
        async with _loaded(scene, past, pause=4.0 * count / (len(past) / outbreaks.BATCH)):
            await scene.load.probe()
            start = time.monotonic()
            for group in drawn(seed, count):
                await _do(scene, group, outcome, start, say)
        say("healed; draining")
        start = time.monotonic()
        await asyncio.to_thread(system.fleet.wait_ready, 120)
        await system.settled(240)
        outcome.drained = time.monotonic() - start
        await quiet.tell(past)
        outcome.wrong += await outbreaks.same(faulty, quiet)
        await _count(scene, outcome)
        outcome.issues, outcome.items = len(await quiet.issues()), len(await quiet.items())
        outcome.restarts = stand.said
        await scene.poison.close()
    outcome.seconds = time.monotonic() - began
    return outcome


@asynccontextmanager
async def _loaded(
    scene: Scene, past: Sequence[dict[str, object]], pause: float
) -> AsyncGenerator[None]:
    """Load, poison and a history that is told, for the time of a with-statement."""
    async with asyncio.TaskGroup() as tasks:
        poisoning = tasks.create_task(scene.poisoning())
        over = asyncio.Event()
        told = tasks.create_task(scene.history.tell(past, pause, over))
        async with scene.load.running():
            yield
        # What is left of it is told alone: an import steps back for live records.
        over.set()
        await told
        poisoning.cancel()


async def _do(
    scene: Scene, group: Sequence[Fault], outcome: Outcome, start: float, say: Say
) -> None:
    """One fault, or two of which the second begins while the first lasts; then wait until all flows again."""
    done: list[tuple[Fault, float]] = []
    try:
        for fault in group:
            at = time.monotonic()
            try:
                await fault.do(scene)
            except Impossible as error:
                outcome.impossible[fault.name] = str(error)
                say(f"{at - start:7.1f} s  {fault.name}: NOT DONE: {error}")
                continue
            done.append((fault, at))
            say(f"{at - start:7.1f} s  {fault.name}: {fault.said}, for {fault.seconds:.1f} s")
            await asyncio.sleep(fault.seconds if fault is group[-1] else fault.seconds / 2)
    finally:
        for fault in group:
            await fault.undo()
    healed = time.monotonic()
    recovered = await scene.load.probe()
    if lost := scene.stand.lost():
        raise AssertionError(f"after {group[-1].name} somebody must look: {lost}")
    say(f"{healed - start:7.1f} s      undone; counting again {recovered:.1f} s later")
    for number, (fault, at) in enumerate(done, 1):
        outcome.happened.append(
            Happened(fault.name, at - start, fault.said, healed - at, recovered, number < len(done))
        )


async def _count(scene: Scene, outcome: Outcome) -> None:
    system = scene.stand.system
    await scene.poison.all_buried()
    buried = await dead_letters(system)
    letters = Ledger()
    letters.ids("dead letters", scene.poison.wanted, buried)
    outcome.wrong += letters.wrong
    outcome.poison, outcome.dead_letters = scene.poison.injected, len(buried)
    outcome.ledger = await counting.count(scene.load.telling)
    outcome.answers = {f"{s} {code}": n for (s, code), n in sorted(system.answers.items())}
    outcome.wrong += [
        f"{n} answers {code} of {service}"
        for (service, code), n in system.answers.items()
        if code >= 500 and code != 503
    ]
