"""An installation of the module's own: database, namespace, topics, key."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from voc_cli import deployment
from voc_cli.fleet import Fleet
from voc_cli.installation import Installation
from voc_common import auth, bus
from voc_local.ground import Ground

Voc = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def bare(
    database_url: str, ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Two servers with nothing of ours on them."""
    home = tmp_path_factory.mktemp("home")
    return Installation(
        home=home,
        database_url=database_url,
        kafka=ground.kafka,
        namespace=f"cli{secrets.token_hex(4)}.",
        keys_file=home / "keys.json",
    )


@pytest.fixture(scope="module")
def installed(bare: Installation) -> Iterator[Installation]:
    """With ingest's and identity's schemas, all topics and a key."""
    deployment.migrate(bare, ["ingest", "identity"])
    deployment.apply_topics(bare, deployment.read_topics(deployment.topics_file()))
    deployment.ensure_keys(bare.keys_file)
    yield bare
    remove_topics(bare)


def remove_topics(place: Installation) -> None:
    async def remove() -> None:
        names = await bus.partition_counts(place.kafka, place.namespace)
        if names:
            await bus.delete_topics(place.kafka, [place.namespace + n for n in names])

    asyncio.run(remove())


def environment(place: Installation, **more: str) -> dict[str, str]:
    """What the command needs to find an installation."""
    return place.environment() | {"VOC_HOME": str(place.home), "COLUMNS": "200"} | more


@pytest.fixture
def voc(installed: Installation, tmp_path: Path) -> Voc:
    """The command, run to its end in an empty folder."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "voc_cli", *arguments],
            env=environment(installed, **more),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def fleet(installed: Installation, tmp_path: Path) -> Iterator[Fleet]:
    """An empty fleet that restarts nothing."""
    with Fleet(tmp_path / "logs", installed.environment(), restart=False) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def ingest(installed: Installation) -> Iterator[Fleet]:
    """A fleet of ingest's api and worker, ready."""
    with Fleet(installed.home / "logs", installed.environment(), restart=False) as fleet:
        fleet.start("ingest", "api")
        fleet.start("ingest", "worker")
        fleet.wait_ready(90)
        yield fleet


class Tenant:
    """A tenant and calls in its name."""

    def __init__(self, place: Installation, url: str, **settings: Any) -> None:
        self.name = f"t{secrets.token_hex(5)}"
        self.url = url
        self._operator = auth.mint(place.keys_file, "-", "test", ["tenants:admin"])
        every = [s for s in auth.SCOPES if s != "tenants:admin"]
        self.token = auth.mint(place.keys_file, self.name, "test", every)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Replace the tenant's settings."""
        self._call(self._operator, "PUT", f"/v1/tenants/{self.name}", {"settings": settings})

    def _call(self, token: str, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(
            method,
            self.url + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return self._call(self.token, "GET", path)


@pytest.fixture
def make_tenant(installed: Installation) -> Callable[..., Tenant]:
    """A function that makes a fresh tenant with these settings, at the address of an api."""
    return lambda url, **settings: Tenant(installed, url, **settings)


@pytest.fixture
def tenant(installed: Installation, ingest: Fleet) -> Tenant:
    """A fresh tenant."""
    return Tenant(installed, ingest.url("ingest"))


@pytest.fixture
def lose_position(installed: Installation) -> Iterator[Callable[[str, str], None]]:
    """A function that puts a service's group to a position that a topic does not have, for this test."""
    lost: list[tuple[str, str]] = []

    async def commit(service: str, topic: str) -> None:
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=installed.kafka,
            group_id=installed.namespace + service,
            enable_auto_commit=False,
        )
        await consumer.start()
        at = TopicPartition(installed.namespace + topic, 0)
        consumer.assign([at])
        await consumer.commit({at: 1_000_000})
        await consumer.stop()

    def lose(service: str, topic: str) -> None:
        lost.append((service, topic))
        asyncio.run(commit(service, topic))

    yield lose
    for service, topic in lost:
        deployment.rewind(installed, service, [topic])
