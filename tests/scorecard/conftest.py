"""A migrated scorecard database, in the worker's role."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from voc_common.postgres import Database
from voc_common.postgres.database import Role, role_name
from voc_common.postgres.migrations import migrate

ROLES: tuple[Role, ...] = ("owner", "api", "worker")


@pytest.fixture(scope="module")
def namespace() -> str:
    """A namespace of the module's own: roles are the whole server's."""
    return f"s{secrets.token_hex(4)}."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated_url(database_url: str, namespace: str) -> AsyncIterator[str]:
    await migrate(database_url, "scorecard", namespace)
    yield database_url
    connection = await asyncpg.connect(database_url)
    for role in ROLES:
        name = role_name(namespace, "scorecard", role)
        await connection.execute(f"drop owned by {name} cascade")
        await connection.execute(f"drop role {name}")
    await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(migrated_url: str, namespace: str) -> AsyncIterator[Database]:
    found = Database(migrated_url, "scorecard", "worker", namespace=namespace, pool=8)
    yield found
    await found.close()
