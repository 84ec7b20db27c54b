"""Every figure of speed in one run: a table against goals and floors, and all of it as JSON.

    make bench ARGS="--quick --report FILE"
    python bench/run.py [--quick] [--only door,latency] [--set events=60000] [--report FILE] [--markdown FILE]
        [--plots FOLDER]

Quick takes less than five minutes; in full it is one to two hours. The broker is warmed first, then the parts run one
after another: those of the whole installation on the same services, the peers on the same two servers once those
have stopped, and what needs no broker after that on servers of its own. A part that fails is told of; the others run.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import bulk
import catch_up
import detector_speed
import door
import end_to_end
import identity_load
import latency
import msgspec
import naive_peer
import plot
import psutil
import raw_limit
import rows
import scorecard_reads
import text_speed
from figures import judged
from installed import Bench, Door, door_only, servers
from rich.console import Console
from rich.table import Table
from sizes import FULL, QUICK, Sizes
from voc_local.ground import Ground
from warming import warm

WIDTH = 110
"""Of the table, also where the output is no terminal."""
COLUMNS = ("figure", "value", "unit", "goal", "floor", "verdict")
P = ParamSpec("P")
T = TypeVar("T")

INSTALLED: dict[str, Callable[[Bench], Awaitable[dict[str, Any]]]] = {
    "door": door.run,
    "end_to_end": end_to_end.run,
    "latency": latency.run,
    "load": rows.run,
    "catch_up": catch_up.run,
    "bulk": bulk.run,
}
"""Parts on an installation, in their order."""
PEERS: dict[str, Callable[[Ground, Sizes], Awaitable[dict[str, Any]]]] = {
    "raw_limit": lambda place, s: raw_limit.run(place, s.raw_events, s.raw_events // 10),
    "naive_peer": lambda place, s: naive_peer.run(place, s.naive_events, s.naive_events // 5),
}
"""Parts on the same servers, beside nothing else."""
ALONE: dict[str, Callable[[Sizes], dict[str, Any]]] = {
    "identity": lambda s: identity_load.measure(s.people, s.people_events),
    "text": lambda s: text_speed.measure(s.texts),
    "reads": lambda s: scorecard_reads.measure(s.read_events, s.reads),
    "detector": lambda s: detector_speed.measure(s.detector_companies),
}
"""Parts that need no broker."""
PARTS = (*INSTALLED, *PEERS, *ALONE)
NEEDS = {"latency": "end_to_end", "bulk": "end_to_end", "raw_limit": "end_to_end", "naive_peer": "end_to_end"}  # fmt: skip
"""Parts whose figures are held against another part's."""


class Run:
    """What a run has found so far, part by part."""

    def __init__(self, asked: argparse.Namespace, chosen: Sequence[str], console: Console) -> None:
        self.began, self.load_before = datetime.now(UTC), os.getloadavg()
        needed = {NEEDS.get(name, name) for name in chosen} | set(chosen)
        self.chosen = [name for name in PARTS if name in needed]
        self.asked = asked
        self.sizes = sizes_of(asked.quick, asked.set)
        self.console = console
        self.parts: dict[str, Any] = {}
        self.failed: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._done = 0

    def tell(self, line: str) -> None:
        """Say what is going on within a part."""
        self.console.print(f"  {line}", style="dim", markup=False, highlight=False)

    @contextmanager
    def attempt(self, name: str) -> Generator[None]:
        """Something that takes its time, and may fail without the end of the run."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the other parts are worth their figures
            self.failed[name] = f"{type(error).__name__}: {error}"[:2000]
            self.console.print(f"  failed: {self.failed[name]}", style="red", markup=False)
        self.seconds[name] = round(time.monotonic() - began, 1)

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        """One part, told of."""
        self._done += 1
        where = f"({self._done}/{len(self.chosen)})"
        self.console.print(f"{where} {name}", style="bold", highlight=False)
        with self.attempt(name):
            yield
        self.tell(f"{self.seconds[name]} s")
        self.save()

    def installed(self, place: Ground) -> None:
        """The parts on an installation: the door before the other services run."""
        self.tell("starting ingest")
        with door_only(place) as fleet:
            bench = Bench(place, fleet, self.sizes, self.tell, found=self.parts)
            Door(bench).open()
            for name, measure in INSTALLED.items():
                if name in self.chosen:
                    if name != "door" and len(fleet.processes) == 2:
                        self.tell("starting the other services, and warming them up")
                        asyncio.run(end_to_end.warm(bench))
                    with self.part(name):
                        self.parts[name] = asyncio.run(_awaited(measure, bench))

    def on_servers(self) -> None:
        """Everything that needs a broker."""
        mine = [n for n in self.chosen if n not in ALONE]
        if not mine:
            return
        with servers() as place:
            self.tell(f"warming the broker with {self.sizes.broker_records:,} records")
            with self.attempt("broker"):
                self.parts["broker"] = asyncio.run(warm(place, self.sizes.broker_records))
            if any(name in INSTALLED for name in mine):
                with self.attempt("installation"):
                    self.installed(place)
            for name, peer in PEERS.items():
                if name in mine:
                    with self.part(name):
                        self.parts[name] = asyncio.run(_awaited(peer, place, self.sizes))
                        self._compare(name)

    def _compare(self, name: str) -> None:
        """How many times the CPU of the raw limit voc takes, and the naive peer that of voc."""
        if "end_to_end" not in self.parts:
            return
        ours = self.parts["end_to_end"]["us_per_event"]["all"]
        theirs = self.parts[name]["us_per_event"]["all"]
        self.parts[name] |= {
            "voc_times": round(ours / theirs, 2),
            "times_voc": round(theirs / ours, 1),
        }

    def alone(self) -> None:
        """Everything that does not."""
        for name, measure in ALONE.items():
            if name in self.chosen:
                with self.part(name):
                    self.parts[name] = measure(self.sizes)

    def save(self) -> None:
        """Write down what there is, part by part: the later ones of a full run are an hour away."""
        if self.asked.report:
            self.asked.report.write_bytes(msgspec.json.format(msgspec.json.encode(self.report())))
        if self.asked.markdown:
            self.asked.markdown.write_text(markdown(self.report()), encoding="utf-8")

    def report(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.began).total_seconds()),
            "quick": self.asked.quick,
            "sizes": msgspec.to_builtins(self.sizes),
            "machine": {
                "cores": psutil.cpu_count(),
                "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
                "system": platform.platform(),
                "python": platform.python_version(),
                "load_average_before": [round(x, 2) for x in self.load_before],
            },
            "figures": [msgspec.to_builtins(f) for f in judged(self.parts)],
            "failed": self.failed,
            "seconds_by_part": self.seconds,
            "parts": self.parts,
        }


async def _awaited(run: Callable[P, Awaitable[T]], *given: P.args, **named: P.kwargs) -> T:
    return await run(*given, **named)


def cells(figure: dict[str, Any]) -> list[str]:
    """A row of the table."""
    numbers = [
        "" if figure[n] is None else f"{figure[n]:,.10g}" for n in ("value", "goal", "floor")
    ]
    return [figure["name"], numbers[0], figure["unit"], *numbers[1:], figure["verdict"]]


def table(report: dict[str, Any]) -> Table:
    """Figure, value, goal, floor and verdict, as a terminal shows them."""
    shown = Table(*COLUMNS, box=None)
    for column in shown.columns:
        column.no_wrap = True
    colours = {"goal": "green", "floor": "yellow", "missed": "red"}
    for figure in report["figures"]:
        shown.add_row(*cells(figure), style=colours.get(figure["verdict"]))
    return shown


def markdown(report: dict[str, Any]) -> str:
    """The same for a page of docs/."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(cells(f) for f in report["figures"])]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def sizes_of(quick: bool, changed: Sequence[str]) -> Sizes:
    """The sizes of a run, some of them changed by `name=value`."""
    given = {name: json.loads(value) for name, _, value in (c.partition("=") for c in changed)}
    whole = msgspec.to_builtins(QUICK if quick else FULL) | given
    return msgspec.convert(whole, Sizes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--set", action="append", default=[], metavar="SIZE=VALUE")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--markdown", type=Path, help="the table for a page of docs/")
    parser.add_argument("--plots", type=Path, help="a folder for plots")
    asked = parser.parse_args()
    chosen = asked.only.split(",") if asked.only else PARTS
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    console = Console(width=max(Console().width, WIDTH))
    run = Run(asked, chosen, console)
    run.save()  # a file that cannot be written is told of now, not when a part has ended
    run.on_servers()
    run.alone()
    run.save()
    report = run.report()
    console.print(table(report))
    console.print(f"{report['seconds']} s in all", highlight=False)
    if asked.plots:
        for path in plot.draw(run.parts, asked.plots):
            console.print(f"drawn: {path}", highlight=False, soft_wrap=True)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
