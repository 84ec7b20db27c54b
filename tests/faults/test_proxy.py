"""The proxy does what it says: passes, cuts, refuses, slows, mutes, swallows, and heals."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from harness.proxy import Proxy


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that answers with what it is told."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy() as found:
        found.aim = echo
        yield found


class Client:
    """Asks, and waits for the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    async def of(cls, proxy: Proxy) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    def say(self, what: bytes) -> None:
        self._writer.write(what)

    async def hear(self, count: int, seconds: float = 10) -> bytes:
        async with asyncio.timeout(seconds):
            return await self._reader.readexactly(count)

    async def ask(self, what: bytes) -> bytes:
        self.say(what)
        return await self.hear(len(what))


async def test_it_passes_and_knows_by_which_port_the_server_sees_a_client(proxy: Proxy) -> None:
    one, other = await Client.of(proxy), await Client.of(proxy)
    assert await one.ask(b"one") == b"one"
    assert await other.ask(b"other") == b"other"
    seen = proxy.ports_behind([one.port])
    assert len(seen) == 1
    assert seen != proxy.ports_behind([other.port])
    assert one.port not in seen


async def test_cut_connections_are_reset_and_new_ones_pass(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.ask(b"there")
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        await client.ask(b"still there")
    assert await (await Client.of(proxy)).ask(b"again") == b"again"


async def test_refused_until_healed(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.ask(b"there")
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        await client.ask(b"still there")
    with pytest.raises(ConnectionRefusedError):
        await Client.of(proxy)
    proxy.heal()
    assert await (await Client.of(proxy)).ask(b"again") == b"again"


async def test_slow_until_healed(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    proxy.slow(0.15, 1e6)
    began = time.monotonic()
    assert await client.ask(b"slow") == b"slow"
    assert time.monotonic() - began > 0.3, "each way"
    proxy.heal()
    began = time.monotonic()
    assert await client.ask(b"fast") == b"fast"
    assert time.monotonic() - began < 0.3


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_direction_that_stands_still_goes_on_where_it_was(proxy: Proxy, way: str) -> None:
    client = await Client.of(proxy)
    proxy.mute([way])  # pyright: ignore[reportArgumentType]
    client.say(b"later")
    with pytest.raises(TimeoutError):
        await client.hear(5, 0.3)
    proxy.heal()
    assert await client.hear(5) == b"later"


async def test_what_is_swallowed_is_lost_and_its_connection_with_it(proxy: Proxy) -> None:
    client, quiet = await Client.of(proxy), await Client.of(proxy)
    await client.ask(b"there")
    await quiet.ask(b"there")
    proxy.swallow()
    late = await Client.of(proxy)
    for one in (client, late):
        one.say(b"lost")
        with pytest.raises(TimeoutError):
            await one.hear(4, 0.2)
    proxy.heal()
    for one in (client, late):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await one.hear(4)
    assert await quiet.ask(b"it had said nothing") == b"it had said nothing"
