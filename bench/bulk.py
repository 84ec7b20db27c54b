"""A bulk import beside live load: what it does to the live records' p99, at the door and until they are visible.

Live load of a quarter of the maximum in requests of 100 (see latency), first alone, then while `voc load --history`
loads a file and until all of that is counted, or for `bulk_most_seconds`: live records come first, so where they take
all there is an import does not end.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rows
from installed import Bench, Door
from latency import loaded
from reader import vacuum

SHARE = 0.25


async def run(bench: Bench) -> dict[str, Any]:
    """Both loads' latencies, and how many times greater the p99 is beside the import."""
    rate = bench.found["end_to_end"]["events_per_second"] * SHARE
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bulk.csv"
        rows.write(path, bench.sizes.bulk_rows, history=True)
        # As before latency: what earlier parts have left to autovacuum is not this one's.
        await vacuum(bench.place.database_url)
        alone = await loaded(bench, rate, bench.sizes.bulk_seconds)
        await Door(bench).until_counted()
        ended = asyncio.Event()
        importing = asyncio.create_task(_import(bench, path, ended))
        beside = await loaded(bench, rate, bench.sizes.bulk_most_seconds, until=ended)
        beside["import_ended_meanwhile"] = ended.is_set()
        imported = await importing
    await Door(bench).until_counted()
    return {
        "import": imported,
        "alone": alone,
        "beside": beside,
        "door_p99_times": _times(alone, beside, "door_ms"),
        "visible_p99_times": _times(alone, beside, "visible_ms"),
    }


async def _import(bench: Bench, path: Path, ended: asyncio.Event) -> dict[str, Any]:
    """Load the file, then wait until all of it is counted."""
    began = asyncio.get_running_loop().time()
    try:
        report = await rows.load(bench, path, bench.sizes.bulk_rows, "--history")
        await Door(bench).until_counted(f"channel:{path.stem}", bench.sizes.bulk_rows)
    finally:
        ended.set()
    seconds = asyncio.get_running_loop().time() - began
    return report | {"counted_per_second": round(bench.sizes.bulk_rows / seconds)}


def _times(alone: dict[str, Any], beside: dict[str, Any], what: str) -> float:
    return round(beside[what]["p99"] / alone[what]["p99"], 2)
