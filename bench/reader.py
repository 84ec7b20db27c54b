"""A connection of the benchmarks' own to Postgres, told apart from the services' by its name."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

NAME = "bench reader"


class Reader:
    """Statements outside of any service, as the superuser."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: object) -> Sequence[Any]:
        """The rows of a statement."""
        return await self._connection.fetch(sql, *values)

    async def value(self, sql: str, *values: object) -> Any:
        """The only value of a statement."""
        return await self._connection.fetchval(sql, *values)

    async def run(self, sql: str) -> None:
        """A statement without values or rows."""
        await self._connection.execute(sql)


_connect: Callable[..., Awaitable[Any]] = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


async def connect(url: str) -> Any:
    """A bare connection, named after the benchmarks."""
    return await _connect(url, server_settings={"application_name": NAME})


@asynccontextmanager
async def reader(url: str) -> AsyncGenerator[Reader]:
    """A reader for the time of a with-statement."""
    connection = await connect(url)
    try:
        yield Reader(connection)
    finally:
        connection.terminate()


async def vacuum(url: str) -> None:
    """Do what autovacuum does in the background of a service that has run for a while."""
    async with reader(url) as connection:
        await connection.run("vacuum analyze")
