"""A Postgres and a Kafka that may be killed: nobody else's."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from harness.stand import Stand, own_folder, standing
from harness.system import System
from voc_local import home
from voc_local.kafka import Kafka
from voc_local.postgres import Postgres


@dataclass(frozen=True)
class Own:
    """The two servers of one module, with fsync as in production."""

    postgres: Postgres
    kafka: Kafka
    folder: Path


@pytest.fixture(scope="module")
def own() -> Iterator[Own]:
    folder = own_folder()
    with Kafka(folder / "kafka") as kafka, Postgres(folder / "postgres") as postgres:
        yield Own(postgres, kafka, folder)
    home.erase(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def half(own: Own) -> AsyncIterator[System]:
    """The first two services, an api and a worker of each."""
    system = System(own.postgres.url(), own.kafka.bootstrap, own.folder)
    try:
        await system.start(workers=1, only=["ingest", "identity"])
        yield system
    finally:
        await asyncio.shield(system.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole(own: Own) -> AsyncIterator[System]:
    """All that counts, two workers of each."""
    system = System(own.postgres.url(), own.kafka.bootstrap, own.folder)
    try:
        await system.start(workers=2, only=["ingest", "identity", "taxonomy", "scorecard"])
        yield system
    finally:
        await asyncio.shield(system.stop())


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stand() -> AsyncIterator[Stand]:
    """Everything, one worker of each, behind proxies and on a small disk; started once, each test has its tenants."""
    async with standing(workers=1) as found:
        yield found


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Show a measured figure, also when the test passes."""

    def told(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return told
