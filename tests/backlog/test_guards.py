"""Each guard carries weight, and holds in the very race that it is there for."""

import asyncio
from typing import Any

import pytest
from voc_backlog.domain.issues import Issue
from voc_backlog.domain.items import Item
from voc_backlog.handlers import board, events
from voc_backlog.repository import issues as repository
from voc_common.events import TenantConfigured
from voc_common.postgres import Database

from tests.backlog.conftest import Make
from tests.backlog.world import RICH, deliver, live, stored


def broken(sql: str, instead: str) -> str:
    """The statement that joins issues, a guard taken out."""
    assert sql in repository._JOINED
    return repository._JOINED.replace(sql, instead)


async def no_lock(*_: object) -> None:
    await asyncio.sleep(0)


def no_pin(there: board.Board, done: board.Act) -> tuple[list[Item], list[Issue]]:
    others = [i for i in there.items if i.item != done.item.item]
    return [*others, done.item], list(there.issues)


GUARDS: dict[str, tuple[object, str, Any]] = {
    "version test": (repository, "_JOINED", broken(repository._LATEST, "true")),
    "first version": (repository, "_JOINED", broken(repository._FIRST, "false")),
    "peaks": (
        repository,
        "_JOINED",
        broken("greatest(i.people_peak, excluded.people_peak)", "excluded.people_peak"),
    ),
    "subject lock": (events, "lock", no_lock),
    "pins": (board, "_with", no_pin),
}


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS)
async def test_without_a_guard_the_items_are_wrong(
    database: Database, tenant: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each guard carries weight: with it taken out, the tests above turn red."""
    for seed in range(RICH, RICH + 12):
        straight = await live(database, f"{tenant}{seed}s", seed, monkeypatch, shuffled=False)
        with monkeypatch.context() as patch:
            patch.setattr(*GUARDS[guard])
            try:
                permuted = await live(database, f"{tenant}{seed}x", seed, patch, shuffled=True)
            except Exception:
                return
        if permuted != straight:
            return
    pytest.fail(f"twelve runs without the {guard} were all right")


async def waiting(database: Database) -> None:
    """Until one of our connections waits for another."""
    async with asyncio.timeout(10):
        while True:
            async with database.transaction() as tx:
                if await tx.rows(
                    "select 1 from pg_locks where not granted and pid in "
                    "(select pid from pg_stat_activity where datname = current_database())"
                ):
                    return
            await asyncio.sleep(0.01)


async def test_new_settings_judge_what_was_being_filed_by_the_former_ones(
    database: Database, tenant: str, issue: Make
) -> None:
    """Filing holds the settings still: who changes them waits, and then sees the item."""
    event = TenantConfigured(tenant=tenant, version=1, settings={"fallback_owner": "lea"})
    await deliver(database, [issue("i0", cause="other")], None)
    async with database.transaction() as tx:
        await events.hot_issue_changed(tx, [issue()])
        change = asyncio.create_task(
            database.retried(lambda other: events.tenant_configured(other, [event]))
        )
        await waiting(database)
    await change
    assert {row["owner"] for row in (await stored(database, tenant)).items.values()} == {"lea"}


async def test_two_issues_of_a_subject_at_once_make_one_item(
    database: Database, tenant: str, issue: Make
) -> None:
    """The second waits for the subject's row, and reads its items after that."""
    await deliver(database, [issue("i0", cause="other")], None)
    async with database.transaction() as tx:
        await events.hot_issue_changed(tx, [issue("i1")])
        second = asyncio.create_task(
            database.retried(lambda other: events.hot_issue_changed(other, [issue("i2")]))
        )
        await waiting(database)
    await second
    there = (await stored(database, tenant)).items
    assert sorted(row["issues"] for row in there.values()) == [("i0",), ("i1", "i2")]


async def test_one_issue_under_two_subjects_at_once_widens_the_locks(
    database: Database, tenant: str, issue: Make
) -> None:
    """Its later version is judged under another subject's lock, until the first is seen."""
    await deliver(database, [issue("i0", cause="other")], None)
    async with database.transaction() as tx:
        await events.hot_issue_changed(tx, [issue("i1", 1)])
        later = asyncio.create_task(
            database.retried(
                lambda other: events.hot_issue_changed(other, [issue("i1", 2, product="app")])
            )
        )
        await waiting(database)
    await later
    assert {
        key[0]: row["product"] for key, row in (await stored(database, tenant)).items.items()
    } == {
        "late_delivery": "",
        "other": "",
    }
