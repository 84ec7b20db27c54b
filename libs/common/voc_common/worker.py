"""A worker process: its stage, its background jobs, its health page, and an orderly end."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import uvicorn
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voc_common import settle_memory, telemetry
from voc_common.bus import BusError, Consumer, PositionLost, Producer
from voc_common.postgres import Database, DatabaseAway, Transaction, dead_letters
from voc_common.postgres.outbox import age, relay
from voc_common.settings import Settings
from voc_common.stage import LONGEST_PAUSE, Stage, Subscriptions
from voc_common.suspicion import Outage
from voc_common.wire import topic

log = logging.getLogger(__name__)


class Context(Struct, frozen=True):
    """What a job works with."""

    database: Database
    producer: Producer
    settings: Settings


class Job(Struct, frozen=True):
    """A task that runs again and again: at once while it says that it did something, else after `seconds`.

    With `on_emitted` it also runs as soon as this process has left outbox rows.
    """

    name: str
    run: Callable[[Context], Awaitable[bool]]
    seconds: float
    on_emitted: bool = False


class Worker(Struct, frozen=True):
    """What makes a service's worker: its name, what it consumes, and its jobs."""

    service: str
    settings: Settings
    subscriptions: Subscriptions
    jobs: Sequence[Job] = ()


async def _relay(context: Context) -> bool:
    return await relay(context.database, context.producer) > 0


async def _measure(context: Context) -> bool:
    telemetry.outbox_age.labels(context.database.schema).set(await age(context.database))
    return False


async def _expire(context: Context) -> bool:
    database, days = context.database, context.settings.dead_letter_days

    async def use(tx: Transaction) -> int:
        return await dead_letters.expire(tx, database.schema, days)

    await database.retried(use)
    return False


# The rows of an api's commands are found within the seconds, the worker's own at once.
_COMMON_JOBS = (
    Job("outbox", _relay, 0.25, on_emitted=True),
    Job("measure", _measure, 15.0),
    Job("dead letters", _expire, 3600.0),
)


class _Running:
    """The parts of a running worker and the judgement of its health."""

    def __init__(self, worker: Worker) -> None:
        s = worker.settings
        self.worker = worker
        self.database = Database(
            s.database_url,
            worker.service,
            "worker",
            namespace=s.namespace,
            pool=max(s.pool_worker, 2),
        )
        self.producer = Producer(s.kafka_bootstrap_servers, s.namespace)
        topics = [
            topic(k, lane) for k in worker.subscriptions.handlers for lane in ("live", "bulk")
        ]
        self.consumer = Consumer(
            s.kafka_bootstrap_servers,
            s.namespace,
            worker.service,
            sorted(set(topics)),
            s.session_timeout_ms,
        )
        self.stage = Stage(
            worker.subscriptions,
            self.database,
            self.consumer,
            self.producer,
            batch=s.batch,
            linger_ms=s.linger_ms,
            poison_share=s.poison_share,
        )
        self.stopping = asyncio.Event()
        self.ready = False
        self.failing: dict[str, str] = {}
        """Jobs whose last round failed, with the reason."""

    def fault(self) -> str:
        """Why this worker is not ready, or "" if it is."""
        if not self.ready:
            return "has not joined its consumer group yet"
        if self.stage.failure:
            return self.stage.failure
        if self.failing:
            return "; ".join(f"{name} fails: {why}" for name, why in sorted(self.failing.items()))
        missing = self.consumer.missing()
        if missing:
            return f"{', '.join(missing)} not there: run `voc topics apply`"
        still = time.monotonic() - self.stage.progressed
        if still > self.worker.settings.stuck_seconds:
            return f"no progress for {still:.0f} s"
        return ""

    def hung(self) -> bool:
        """True if it makes no progress though nothing it needs is away: better to begin anew."""
        still = time.monotonic() - self.stage.progressed
        return (
            self.ready and not self.stage.failure and still > 2 * self.worker.settings.stuck_seconds
        )


async def run(worker: Worker) -> int:
    """Run until SIGTERM or SIGINT, then drain; returns the exit code of the process."""
    settle_memory()
    running = _Running(worker)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, _end, running)
    health = await _serve_health(running)
    jobs = [asyncio.create_task(_repeat(running, job)) for job in (*_COMMON_JOBS, *worker.jobs)]
    code = 0
    try:
        code = await _consume(running)
    finally:
        running.stopping.set()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await running.consumer.stop()
        await running.producer.close()
        await running.database.close()
        health.should_exit = True
    return code


def _end(running: _Running) -> None:
    running.stopping.set()
    running.stage.stop()


async def _consume(running: _Running) -> int:
    wait = 0.2
    while not running.stopping.is_set():
        try:
            await running.consumer.start()
            break
        except BusError as error:
            log.warning("cannot join the consumer group yet: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await running.stopping.wait()
            wait = min(wait * 2, LONGEST_PAUSE)
    running.ready = True
    running.stage.progressed = time.monotonic()
    stage = asyncio.create_task(running.stage.run())
    while not stage.done():
        await asyncio.wait({stage}, timeout=1.0)
        if running.stopping.is_set() and not stage.done():
            await asyncio.wait({stage}, timeout=running.worker.settings.drain_seconds)
            break
        if running.hung():
            log.critical("no progress for two periods, ending so that another can take over")
            stage.cancel()
            return 70
    if not stage.done():
        stage.cancel()
        return 0
    error = stage.exception()
    if isinstance(error, PositionLost | Outage):
        log.critical("stopped: %s", error)
        return 78
    if error is not None:
        log.critical("stopped", exc_info=error)
        return 70
    return 0


async def _repeat(running: _Running, job: Job) -> None:
    context = Context(running.database, running.producer, running.worker.settings)
    wait = job.seconds
    wake = running.database.emitted if job.on_emitted else running.stopping
    while not running.stopping.is_set():
        if job.on_emitted:
            wake.clear()
        try:
            busy = await job.run(context)
            wait = 0.0 if busy else job.seconds
            running.failing.pop(job.name, None)
        except (BusError, DatabaseAway) as error:
            log.warning("%s waits: %s", job.name, error)
            wait = min(max(wait, 0.2) * 2, LONGEST_PAUSE)
        except Exception as error:
            # A job is a loop of its own: a fault in one round must not end the worker or the job.
            log.exception("%s failed", job.name)
            running.failing[job.name] = f"{type(error).__name__}: {error}"[:200]
            wait = min(max(wait, job.seconds, 0.5) * 2, max(job.seconds, 30.0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await wake.wait()


async def _serve_health(running: _Running) -> uvicorn.Server:
    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        fault = running.fault()
        body = {
            "status": "not ready" if fault else "ready",
            "why": fault,
            "partitions": running.consumer.assigned(),
            "pid": os.getpid(),
        }
        return JSONResponse(body, 503 if fault else 200)

    async def metrics(_: Request) -> Response:
        telemetry.lag.labels(running.worker.service).set(await running.consumer.lag())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    # Bare routes: importing FastAPI would slow every start for three answers.
    app = Starlette(routes=[Route(f"/{f.__name__}", f) for f in (livez, readyz, metrics)])
    s = running.worker.settings
    config = uvicorn.Config(
        app, host=s.host, port=s.metrics_port, log_level="warning", lifespan="off", access_log=False
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())  # pyright: ignore[reportPrivateUsage]
    task.add_done_callback(lambda t: t.cancelled() or t.exception())
    return server
