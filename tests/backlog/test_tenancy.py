"""Tenants apart, by trying: raw SQL in the api's role, and batches of many tenants in the worker's."""

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio
from voc_backlog.domain.acts import Edit
from voc_backlog.domain.ground import Route
from voc_backlog.handlers import events, items, routes
from voc_backlog.repository import DERIVED, OWNED
from voc_common.events import HotIssueChanged
from voc_common.postgres import Database, DatabaseAway

Make = Callable[..., HotIssueChanged]
TABLES = (*DERIVED, *OWNED)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(database_url: str, namespace: str) -> AsyncIterator[Database]:
    found = Database(database_url, "backlog", "api", namespace=namespace, pool=2)
    yield found
    await found.close()


@pytest.fixture
async def two(database: Database, tenant: str, issue: Make) -> tuple[str, str]:
    """Two tenants with a row in every table."""
    names = (tenant, f"{tenant}-b")
    for name in names:
        told = msgspec.structs.replace(issue(), tenant=name)
        await database.retried(lambda tx, e=told: events.hot_issue_changed(tx, [e]))
        await database.retried(
            lambda tx, n=name: items.flag(tx, (n, "late", "", ""), "seen", {}, "kim", Edit())
        )
        await database.retried(
            lambda tx, n=name: routes.put_routes(tx, n, 0, [Route(owner="ops")], "kim")
        )
    return names


async def test_repository_lists_every_table(database: Database) -> None:
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid "
            "where c.relnamespace = to_regnamespace('backlog') and c.relkind = 'r' "
            "and a.attname = 'tenant' and c.relname <> 'dead_letter'"
        )
    assert {r.name for r in rows} == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
async def test_another_tenant_s_rows_are_not_there(
    api: Database, two: tuple[str, str], table: str
) -> None:
    mine, theirs = two
    async with api.transaction(mine) as tx:
        rows = await tx.rows(f"select tenant from backlog.{table}")
        assert rows
        assert {r.tenant for r in rows} == {mine}
        assert not await tx.rows(f"select 1 from backlog.{table} where tenant = :t", t=theirs)
    for sql in (
        f"update backlog.{table} set tenant = tenant where tenant = :t",
        f"delete from backlog.{table} where tenant = :t",
    ):
        if table != "trail":  # which nobody changes at all
            async with api.transaction(mine) as tx:
                assert await tx.run(sql, t=theirs) == 0


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_tenant_it_is_an_error(
    api: Database, two: tuple[str, str], table: str
) -> None:
    with pytest.raises(DatabaseAway, match="no tenant is set"):
        async with api.transaction() as tx:
            await tx.rows(f"select 1 from backlog.{table}")


async def test_nothing_can_be_written_in_another_tenant_s_name(
    api: Database, two: tuple[str, str]
) -> None:
    mine, theirs = two
    for sql in (
        "insert into backlog.subject values (:t, 'x', '', '')",
        "insert into backlog.flag (tenant, item, note, told, made_by) values (:t, 'x', '', '{}', '')",
        "update backlog.item set tenant = :t",
    ):
        with pytest.raises(DatabaseAway, match="row-level security"):
            async with api.transaction(mine) as tx:
                await tx.run(sql, t=theirs)


async def test_events_in_the_outbox_can_be_written_and_not_read(
    api: Database, two: tuple[str, str]
) -> None:
    with pytest.raises(DatabaseAway, match="permission denied"):
        async with api.transaction(two[0]) as tx:
            await tx.rows("select 1 from backlog.outbox")


async def test_tenants_in_one_batch_do_not_meet(
    database: Database, tenant: str, issue: Make
) -> None:
    names = [f"{tenant}-{n}" for n in range(5)]
    batch = [
        msgspec.structs.replace(issue(f"i{k}", people=10 + n), tenant=name)
        for k in range(3)
        for n, name in enumerate(names)
    ]
    await database.retried(lambda tx: events.hot_issue_changed(tx, batch))
    for n, name in enumerate(names):
        async with database.transaction() as tx:
            (item,) = await items.page(
                tx, name, states=[], owner=None, stage=None, after=None, limit=10
            )
        assert (item.tenant, item.issues, item.people) == (name, ("i0", "i1", "i2"), 10 + n)
