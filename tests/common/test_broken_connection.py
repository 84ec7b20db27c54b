"""A connection that breaks inside the driver is an outage of Postgres, and nothing that the data did."""

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
