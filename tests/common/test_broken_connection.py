"""A connection that breaks inside the driver is an outage of Postgres, and nothing that the data did."""

import asyncio
import contextlib

import pytest
from asyncpg.exceptions import InternalClientError, ProtocolError
from voc_common.postgres import Database, DatabaseAway


@pytest.mark.parametrize("error", [InternalClientError, ProtocolError])
async def test_the_drivers_own_errors_are_an_outage(
    database: Database, error: type[Exception]
) -> None:
    async def broken() -> None:
        async with database.transaction() as tx:
            await tx.rows("select 1")
            raise error("cannot switch to state 11; another operation (2) is in progress")

    with pytest.raises(DatabaseAway, match="another operation"):
        await broken()
    async with database.transaction() as tx:
        assert await tx.row("select 1") is not None


@pytest.mark.parametrize("cancels", [1, 2])
async def test_no_transaction_is_left_open_by_who_was_cancelled(
    database: Database, database_url: str, cancels: int
) -> None:
    """Cancelled once more while it rolls back: the next one on the pool must not find itself in its midst."""
    pool = Database(database_url, "identity", "worker", pool=1)
    waiting = asyncio.Event()

    async def cut_short() -> None:
        async with pool.transaction() as tx:
            await tx.rows("select set_config('voc.tenant', 'left', true)")
            waiting.set()
            await tx.rows("select pg_sleep(20)")

    task = asyncio.create_task(cut_short())
    await waiting.wait()
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10), pool.transaction() as tx:
        found = await tx.row("select current_setting('voc.tenant', true) as tenant")
    assert not found.tenant
    await pool.close()
