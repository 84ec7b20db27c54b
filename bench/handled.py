"""A service's handler alone: batches straight into it, and what they cost it and its Postgres."""

import cProfile
import pstats
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import psutil
from meter import tree_seconds
from posting import percentiles
from voc_common.postgres import Database, Transaction
from voc_local.postgres import Postgres

Handle = Callable[[Transaction, Any], Awaitable[Any]]


@contextmanager
def own_postgres() -> Generator[Postgres]:
    """A Postgres for one measurement, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        with Postgres(Path(folder) / "postgres") as server:
            yield server


def say(report: dict[str, Any], file: Path | None) -> None:
    """Print a report as JSON, and keep it where a file is named."""
    written = msgspec.json.format(msgspec.json.encode(report))
    print(written.decode())
    if file:
        file.write_bytes(written)


async def tell(database: Database, handle: Handle, batches: Sequence[Any]) -> list[float]:
    """Handle all, a transaction a batch; returns the seconds of each."""
    seconds: list[float] = []
    for batch in batches:
        began = time.perf_counter()
        await database.retried(lambda tx, b=batch: handle(tx, b))
        seconds.append(time.perf_counter() - began)
    return seconds


async def cost(
    server: Postgres, database: Database, handle: Handle, batches: Sequence[Any], *, profile: bool
) -> dict[str, Any]:
    """Handle all; events per second by the clock and by CPU, CPU us an event of the handler and of Postgres.

    With `profile` where the handler's time went is printed; the figures are those of a profiled run then.
    """
    events, top = sum(map(len, batches)), psutil.Process(server.pid)
    profiler = cProfile.Profile() if profile else None
    began, own, theirs = time.perf_counter(), time.process_time(), tree_seconds(top)
    with profiler or nullcontext():
        each = await tell(database, handle, batches)
    elapsed = time.perf_counter() - began
    python = (time.process_time() - own) / events * 1e6
    postgres = (tree_seconds(top) - theirs) / events * 1e6
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return {
        "events": events,
        "events_per_second": round(events / elapsed),
        "events_per_core_second": round(1e6 / (python + postgres)),
        "python_us_per_event": round(python, 1),
        "postgres_us_per_event": round(postgres, 1),
        "batch_ms": percentiles(each),
    }
