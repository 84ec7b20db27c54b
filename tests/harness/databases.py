"""An empty database for the time of a with-statement."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg


@asynccontextmanager
async def fresh(server_url: str) -> AsyncGenerator[str]:
    """The URL of a new database on the server of this URL; roles are shared by the whole server."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(server_url, f"CREATE DATABASE {name}")
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    await _run(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
