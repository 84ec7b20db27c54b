"""A schema of identity for each module, and rules under which values soon turn generic."""

from collections.abc import AsyncIterator

import pytest
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_identity.settings import IdentitySettings

from .worlds import WORKERS


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "identity")
    found = Database(database_url, "identity", "worker", pool=WORKERS + 1)
    yield found
    await found.close()


@pytest.fixture
def settings(database_url: str) -> IdentitySettings:
    return IdentitySettings(database_url=database_url, kafka_bootstrap_servers="", generic_names=4)


GIVEN = ["Ann", "Bob", "Cem", "Dora", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana"]
