"""`voc up`: the whole installation on this machine, until it is stopped."""

import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.status import Status
from rich.table import Table
from voc_local.home import default_home

from voc_cli import deployment, services
from voc_cli.fleet import Fleet
from voc_cli.installation import Addresses, Installation, claim, installation

FIRST_PORT = 8801
"""Services' apis try these ports upwards, so that addresses stay the same from one start to the next."""


START_SECONDS = 300.0
"""A small or busy machine needs its time; a service that cannot start is told of at once."""


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM came: not an error, so that no `except Exception` takes it for one.

    Of other exceptions an event loop that is in the middle of a callback only writes into the log.
    """


@contextlib.contextmanager
def stoppable() -> Generator[None]:
    """Turn the first SIGINT or SIGTERM into `Stopped`; further ones cannot cut the stopping short."""

    def heed(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Steps:
    """Tells what is being done, with a spinner on a terminal, and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    @contextlib.contextmanager
    def step(self, doing: str, done: str) -> Generator[None]:
        """One step: `doing` while it lasts, `done` and its time behind it."""
        began = time.monotonic()
        with self._console.status(doing) as status:
            self._status = status
            yield
            self._status = None
        self._console.print(f"[green]✓[/] {done} [dim]{time.monotonic() - began:.1f} s[/]")

    def report(self, line: str) -> None:
        """What is going on within the step."""
        if self._status is not None and self._console.is_terminal:
            self._status.update(line)
        else:
            self._console.print(line, style="dim", highlight=False, soft_wrap=True)


def start_fleet(
    place: Installation, chosen: Sequence[str], workers: int, *, restart: bool = True
) -> Fleet:
    """Start an api and `workers` workers of each service, as far as this code has them; waits for none."""
    fleet = Fleet(place.home / "logs", place.environment(), restart=restart)
    try:
        for at, service in enumerate(services.SERVICES):
            if service not in chosen:
                continue
            there = services.roles(service)
            if "worker" in there:
                fleet.start(service, "worker", workers)
            if "api" in there:
                fleet.start(service, "api", port=FIRST_PORT + at)
    except BaseException:
        fleet.stop()
        raise
    return fleet


def prepare(place: Installation, steps: Steps) -> None:
    """Schemas, topics and signing key; safe to do again."""
    with steps.step("Migrating", "Schemas are this code's"):
        for line in deployment.migrate(place):
            steps.report(line)
    with steps.step("Applying topics", "Topics are as declared"):
        for line in deployment.apply_topics(
            place, deployment.read_topics(deployment.topics_file())
        ):
            steps.report(line)
    deployment.ensure_keys(place.keys_file)


@contextlib.contextmanager
def running(
    console: Console, chosen: Sequence[str] = services.SERVICES, workers: int = 1
) -> Generator[tuple[Installation, Fleet]]:
    """Give an installation whose services are all ready, for the time of a with-statement.

    Raises `ServerError`, `BusError`, `DatabaseAway` and `FleetError`; all is stopped at the end.
    """
    steps = Steps(console)
    with contextlib.ExitStack() as stack:
        tell = stack.enter_context(claim(default_home()))
        with steps.step("Starting Postgres and Kafka", "Postgres and Kafka answer"):
            place = stack.enter_context(installation(steps.report))
        prepare(place, steps)
        with steps.step("Starting services", "Every service is ready"):
            fleet = stack.enter_context(start_fleet(place, chosen, workers))
            fleet.wait_ready(
                START_SECONDS,
                told=lambda ready, of, rest: steps.report(
                    f"{ready} of {of} ready" + (f", waiting for {rest}" if rest else "")
                ),
            )
        apis = {p.service: p.url for p in fleet.processes if p.role == "api"}
        tell(Addresses(os.getpid(), apis))
        try:
            yield place, fleet
        finally:
            console.print("Stopping")


def tend(fleet: Fleet, console: Console) -> None:
    """Keep the fleet running until `Stopped`."""
    while True:
        for line in fleet.tend():
            console.print(line, style="yellow", highlight=False)
        time.sleep(0.2)


def exports(fleet: Fleet, bearer: str) -> list[str]:
    """What to paste into another terminal: where `voc` is if it is not on the path, addresses, a token."""
    activate = Path(sys.prefix) / "bin" / "activate"
    there = shutil.which("voc") or not activate.exists()
    apis = [f"{p.service.upper()}={p.url}" for p in fleet.processes if p.role == "api"]
    return [
        *([] if there else [f". {shlex.quote(str(activate))}"]),
        f"export {' '.join(apis)}",
        f"export VOC_TOKEN={bearer}",
    ]


def show(place: Installation, fleet: Fleet, console: Console) -> None:
    """Print where everything is."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "address", "pid"):
        table.add_column(column)
    for process in fleet.processes:
        page = f"{process.url}/docs" if process.role == "api" else f"{process.url}/readyz"
        table.add_row(f"{process.service} {process.role}", page, str(process.pid))
    console.print(table)
    for name, where in (("logs", fleet.logs), ("Postgres", _shown(place)), ("Kafka", place.kafka)):
        console.print(f"{name:<9}{where}", soft_wrap=True, highlight=False)


def _shown(place: Installation) -> str:
    """The database's URL; the password only of voc's own, which opens from this machine alone."""
    if place.own_postgres:
        return place.database_url
    parts = urlsplit(place.database_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
