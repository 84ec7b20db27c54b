"""A real Apache Kafka: what it keeps, what it survives, which jars it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from harness.proxy import Proxy
from voc_local.kafka import Kafka


@asynccontextmanager
async def admin(server: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def publish(server: Kafka, topic: str, values: list[bytes]) -> None:
    """Return when all are acknowledged."""
    producer = AIOKafkaProducer(
        bootstrap_servers=server.bootstrap, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        for acknowledged in [await producer.send(topic, each, partition=0) for each in values]:
            await acknowledged
    finally:
        await producer.stop()


async def read(server: Kafka, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=server.bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        async with asyncio.timeout(30):
            while len(values) < end:
                values += [
                    message.value
                    for message in (await consumer.getmany(timeout_ms=200)).get(partition, [])
                ]
        return values
    finally:
        await consumer.stop()


@pytest.mark.slow
async def test_records_and_address_are_kept_through_kills_and_runs(folder: Path):
    first, second = [b"%d" % n for n in range(500)], [b"%d" % n for n in range(500, 600)]
    with Kafka(folder / "kafka") as server:
        bootstrap, killed = server.bootstrap, server.pid
        async with admin(server) as client:
            await client.create_topics([NewTopic("kept", 1, 1)])
        await publish(server, "kept", first)
        server.kill()
        assert not psutil.pid_exists(killed)
        server.start()
        assert server.bootstrap == bootstrap
        await publish(server, "kept", second)
    assert not psutil.pid_exists(server.pid)
    with Kafka(folder / "kafka") as again:
        assert again.bootstrap == bootstrap
        assert await read(again, "kept") == first + second


@pytest.mark.slow
async def test_topics_appear_and_go_only_when_asked_to(folder: Path):
    with Kafka(folder / "kafka") as server:
        async with admin(server) as client:
            await client.create_topics([NewTopic("asked", 1, 1)])
            # The client asks again and again whether it has appeared.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(publish(server, "misspelt", [b""]), 2)
            assert "misspelt" not in await client.list_topics()
            await client.delete_topics(["asked"])
            async with asyncio.timeout(10):
                while "asked" in await client.list_topics():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.02)
        memory = psutil.Process(server.pid).memory_info().rss
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(server.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
    assert memory < 600e6
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


@pytest.mark.slow
async def test_who_comes_through_a_proxy_stays_behind_it(folder: Path):
    with Proxy() as proxy, Kafka(folder, proxy_port=proxy.port) as server:
        proxy.aim = server.proxied_port
        for bootstrap in (server.bootstrap, f"127.0.0.1:{proxy.port}"):
            client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            await client.start()
            try:
                (broker,) = (await client.describe_cluster())["brokers"]
            finally:
                await client.close()
            assert f"{broker['host']}:{broker['port']}" == bootstrap
