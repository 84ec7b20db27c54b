"""A migrated scorecard database, in the worker's and in the api's role."""

from collections.abc import AsyncIterator

import pytest_asyncio
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate

NAMESPACE = "scorecardtest."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated_url(database_url: str) -> str:
    await migrate(database_url, "scorecard", NAMESPACE)
    return database_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(migrated_url: str) -> AsyncIterator[Database]:
    found = Database(migrated_url, "scorecard", "worker", namespace=NAMESPACE, pool=8)
    yield found
    await found.close()
