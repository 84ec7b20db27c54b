"""The law: any order, duplication and re-reading, by four workers at once, ends in the same items."""

import asyncio
import itertools
import random

import pytest
from voc_backlog.domain.acts import Edit, Wish
from voc_backlog.handlers import items
from voc_common.postgres import Database

from tests.backlog.conftest import DAY, NOW
from tests.backlog.world import (
    EVERY_STATE,
    PLACES,
    RICH,
    Told,
    check_events,
    deliver,
    expected,
    ground,
    live,
    outbreaks,
    stored,
)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]
)
async def test_any_order_with_four_workers(database: Database, tenant: str, seed: int) -> None:
    straight, shuffled = f"{tenant}s", f"{tenant}x"
    told: dict[str, list[Told]] = {}
    for name in (straight, shuffled):
        rng = random.Random(seed)
        told[name] = ground(name, rng) + outbreaks(name, rng, 0, 24, NOW - 60 * DAY, NOW)
    await deliver(database, told[straight], None)
    await deliver(database, told[shuffled], random.Random(seed + 1000))
    wanted = await stored(database, straight)
    assert await stored(database, shuffled) == wanted
    recomputed = expected(told[shuffled])
    assert recomputed, "a world without items proves nothing"
    assert {k: {f: row[f] for f in recomputed[k]} for k, row in wanted.items.items()} == recomputed
    await check_events(database, shuffled)
    await deliver(database, told[shuffled], random.Random(seed + 2000))
    assert await stored(database, shuffled) == wanted, "read again"


@pytest.mark.parametrize(
    "seed", [RICH, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3))]
)
async def test_any_order_around_what_people_did(
    database: Database, tenant: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reopened, added or filed anew alike, whatever the order between the acts of people."""
    straight = await live(database, f"{tenant}s", seed, monkeypatch, shuffled=False)
    permuted = await live(database, f"{tenant}x", seed, monkeypatch, shuffled=True)
    assert permuted == straight
    await check_events(database, f"{tenant}x")
    if seed == RICH:
        # A world in which nothing happens would prove nothing.
        assert {row["state"] for row in straight.items.values()} >= EVERY_STATE
        assert any(ordinal > 1 for *_, ordinal in straight.items)


async def test_people_and_four_workers_at_once(database: Database, tenant: str) -> None:
    """People act while evidence pours in: no two open items of a subject, events and rows agree, re-reading changes nothing."""
    rng = random.Random(11)
    now = items.clock()
    told = ground(tenant, rng) + outbreaks(tenant, rng, 0, 60, now - 40 * DAY, now + 5 * DAY)
    refused = 0

    async def people() -> None:
        nonlocal refused
        for number in itertools.count():
            if delivered.is_set() and number > 60:
                return
            place = rng.choice(PLACES)
            item, _ = await database.retried(
                lambda tx, s=(tenant, *place): items.flag(tx, s, "", {}, "kim", Edit())
            )
            way = rng.choice(
                [
                    "triaged",
                    "in_progress",
                    "piloting",
                    "verified",
                    "closed",
                    "declined",
                    "retired",
                    "reopened",
                ]
            )
            wish = Wish(
                to=way,  # type: ignore[arg-type]
                why="x",
                until=now + DAY if way == "declined" else 0,
                verification="y" if way == "closed" else "",
            )
            try:
                await database.retried(
                    lambda tx, i=item, w=wish: items.move(tx, tenant, i.item, i.version, "kim", w)
                )
            except ValueError:
                refused += 1

    delivered = asyncio.Event()

    async def pour() -> None:
        await deliver(database, told, random.Random(5))
        delivered.set()

    await asyncio.gather(pour(), people())
    assert refused
    there = await stored(database, tenant)
    await check_events(database, tenant)
    open_ = [
        k[:3]
        for k, row in there.items.items()
        if row["state"] not in {"closed", "declined", "retired"}
    ]
    assert len(open_) == len(set(open_))
    await deliver(database, told, random.Random(6))
    assert await stored(database, tenant) == there
    async with database.transaction() as tx:
        gaps = await tx.rows(
            "select i.item from backlog.item i left join backlog.trail t on t.tenant = i.tenant and t.item = i.item "
            "where i.tenant = :tenant group by i.item, i.version having count(t.version) <> i.version",
            tenant=tenant,
        )
    assert not gaps, "every version has its entry in the trail"
