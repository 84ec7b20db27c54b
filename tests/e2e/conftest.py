"""The running product, started once: each test has its tenants."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from harness import databases
from harness.system import System
from voc_local.ground import Ground


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def system(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Every service, two workers of each, on a database of its own."""
    async with databases.fresh(ground.database_url) as url:
        found = System(url, ground.kafka, tmp_path_factory.mktemp("system"))
        try:
            await found.start(workers=2)
            yield found
        finally:
            await asyncio.shield(found.stop())
