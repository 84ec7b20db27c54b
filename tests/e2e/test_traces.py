"""A sampled event is followed through every service: its spans arrive by OTLP and are of one trace."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from harness.system import System
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.slow

PATH = ("ingest accept", "identity process", "taxonomy process", "scorecard process")


class Collector:
    """Takes spans over HTTP as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.told = asyncio.Event()
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route("/v1/traces", self.take, methods=["POST"])

    async def take(self, request: Request) -> dict[str, str]:
        """Keep what a service exports."""
        told = ExportTraceServiceRequest.FromString(await request.body())
        self.spans += [s for r in told.resource_spans for c in r.scope_spans for s in c.spans]
        self.told.set()
        return {}

    def of(self, trace: str) -> dict[str, Span]:
        """The spans of a trace by name."""
        return {s.name: s for s in self.spans if s.trace_id.hex() == trace}


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    found = Collector()
    server = uvicorn.Server(uvicorn.Config(found.app, lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    # Not `serve`: it would take the signals of the whole test run.
    running = asyncio.create_task(server._serve(sockets=[listening]))
    yield found, f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"
    server.should_exit = True
    await running


async def test_one_event_is_followed_through_every_service(
    collector: tuple[Collector, str],
    database_url: str,
    kafka_bootstrap: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    spans, address = collector
    folder = Path(tmp_path_factory.mktemp("traces"))
    system = System(
        database_url,
        kafka_bootstrap,
        folder,
        VOC_OTEL_ENDPOINT=address,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    await system.start(workers=1, only=("ingest", "identity", "taxonomy", "scorecard"))
    try:
        tenant = await system.tenant()
        trace, other = secrets.token_hex(16), secrets.token_hex(16)
        headers = {"Authorization": f"Bearer {system.token(tenant)}"}
        url = f"{system.fleet.url('ingest')}/v1/feedback"
        async with httpx.AsyncClient(headers=headers) as http:
            for number, (name, flag) in enumerate(((trace, "01"), (other, "00"))):
                answer = await http.post(
                    url,
                    json={"source": "desk", "id": f"T-{number}", "kind": "ticket", "text": "late"},
                    headers={"traceparent": f"00-{name}-{secrets.token_hex(8)}-{flag}"},
                )
                assert answer.status_code == 202, answer.text
        await system.settled()
        async with asyncio.timeout(30):
            while not spans.of(trace).keys() >= set(PATH):
                spans.told.clear()
                await spans.told.wait()
    finally:
        await system.stop()
    found = spans.of(trace)
    for earlier, later in pairwise(PATH):
        assert found[later].parent_span_id == found[earlier].span_id
    assert spans.of(other) == {}, "its sender did not sample it"
    batches = [s for s in spans.spans if s.name == "identity batch"]
    assert any(link.trace_id.hex() == trace for s in batches for link in s.links)
