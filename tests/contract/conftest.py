"""The running apis, and tenants with something to guard."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from contract.apis import Apis, running
from contract.worlds import World, world


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def apis(
    database_url: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Apis]:
    async with running(database_url, kafka_bootstrap, tmp_path_factory.mktemp("keys")) as found:
        yield found


@pytest.fixture
def make(apis: Apis) -> Callable[[str], Awaitable[World]]:
    """A fresh tenant of a service, with something of everything."""

    async def made(service: str) -> World:
        return await world(apis, service)

    return made
