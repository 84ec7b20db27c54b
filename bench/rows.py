"""Files of records and the command `voc load` on them, as an import of a customer's export is done."""

import asyncio
import csv
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from installed import Bench, Door
from load import Load
from meter import Meter, per_event

COLUMNS: tuple[str, ...] = (
    "id", "kind", "created_at", "channel", "text", "score", "question", "product", "segment", "email", "account_id",
)  # fmt: skip


def write(path: Path, rows: int, *, history: bool) -> None:
    """A CSV in the columns of the mapping `generic-csv`: fresh records, or those of two months ago.

    Their channel is the file's name, so that they can be counted apart.
    """
    begin = datetime.now(UTC) - timedelta(days=60 if history else 0.5)
    load = Load(seed=sum(path.stem.encode()), begin=begin)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        for _ in range(rows):
            item: dict[str, Any] = load.record()
            told = {i["type"]: i["value"] for i in item["identifiers"]}
            row = {name: item.get(name, "") for name in COLUMNS}
            score = item.get("score", {})
            out.writerow(
                row
                | {"score": score.get("value", ""), "question": score.get("question", "")}
                | {"channel": path.stem}
                | {"email": told.get("email", ""), "account_id": told.get("account", "")}
            )


async def load(bench: Bench, path: Path, rows: int, *options: str) -> dict[str, Any]:
    """Load a file of so many rows as a source of its name; the time of the whole command."""
    door = Door(bench)
    environment = os.environ | {"VOC_URL_INGEST": door.urls["ingest"], "VOC_TOKEN": door.token}
    mapped = ("--mapping", "generic-csv", "--source", path.stem)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voc_cli", "load", str(path), *mapped, *options,
        env=environment,
        cwd=path.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"voc load ended with {process.returncode}: {said.decode()[-500:]}")
    bench.accepted += rows
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
    }


async def run(bench: Bench) -> dict[str, Any]:
    """A file as live records and another as history, every service running; until each is counted."""
    rows, door = bench.sizes.load_rows, Door(bench)
    meter = Meter(bench.place, bench.fleet)
    report: dict[str, Any] = {}
    for name, options in (("live", ()), ("history", ("--history",))):
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"rows-{name}.csv"
            write(path, rows, history=bool(options))
            before, began = meter.read(), time.monotonic()
            report[name] = await load(bench, path, rows, *options)
            await door.until_counted()
            seconds, spent = time.monotonic() - began, meter.read().since(before)
            report[name] |= {
                "counted_per_second": round(rows / seconds),
                "us_per_row": per_event(spent, rows),
            }
    return report
