"""Bytes that are no request, told to a running api: a problem, and the end of the connection."""

import asyncio
from urllib.parse import urlsplit

import msgspec
import pytest
from contract.apis import Apis
from voc_common.http.protocol import MAX_HEAD


async def told(url: str, *parts: bytes) -> tuple[bytes, bytes]:
    """What a server answers until it ends the connection, as head and body."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (405, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]),
        (400, [b"GET /livez HTTP/1.1\r\nHost x\r\n\r\n"]),
        (400, [b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]),
        (405, [b"BREW /livez HTTP/1.1\r\nHost: x\r\n\r\n"]),
        (431, [b"GET /livez HTTP/1.1\r\n", *[b"x-filler: " + b"a" * 990 + b"\r\n"] * 70]),
        (431, [b"GET /" + b"a" * (MAX_HEAD + 1)]),
    ],
    ids=["tls", "no colon", "two lengths", "no method", "headers without end", "line without end"],
)  # fmt: skip
async def test_what_is_no_request_is_a_problem(apis: Apis, status: int, parts: list[bytes]) -> None:
    head, body = await told(apis.urls["backlog"], *parts)
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"content-type: application/problem+json" in head
    assert msgspec.json.decode(body)["status"] == status


async def test_heads_are_bounded_one_by_one(apis: Apis) -> None:
    """Many requests on one connection, in one piece, are together longer than a head may be."""
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\nx-filler: " + b"a" * 9000 + b"\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, body = await told(apis.urls["backlog"], one * 12 + last)
    assert (head + body).count(b"HTTP/1.1 200 ") == 13
