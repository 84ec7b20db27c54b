"""The processes of an installation on this machine: started, watched, restarted, stopped as one.

No threads and no event loop: who holds a `Fleet` calls `tend` every fraction of a second, or, where
nothing shall be restarted, never.
"""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voc_local.home import free_port, last_lines

from voc_cli.run import GRACE_SECONDS
from voc_cli.services import Role, module

LOG_BYTES = 10_000_000
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
STEADY_SECONDS = 60.0
"""A process that has run for so long begins again at the shortest wait."""
NEEDS_PEOPLE = 78
"""Exit code of a worker that must not be started again before somebody has looked (its position is lost)."""
HOPELESS = 3
"""Failures in a row after which waiting for a process to become ready is of no use."""


class FleetError(RuntimeError):
    """A process did not become ready; the message says which, why, and the end of its log."""


class Process:
    """One api or worker, through all its restarts.

    Its address and its log stay the same as long as nobody else takes the port.
    """

    def __init__(
        self, service: str, role: Role, index: int, logs: Path, environment: Mapping[str, str]
    ) -> None:
        self.service = service
        self.role: Role = role
        self.name = f"{service}-{role}-{index}"
        self.log = logs / f"{self.name}.log"
        self.environment = dict(environment)
        self.port = 0
        self.starts = 0
        self.failures = 0
        """Ends that nobody asked for, in a row."""
        self.wanted = False
        """Whether it should be running; `stop` makes it False, and so does a fleet that gives it up."""
        self.given_up = False
        """Whether it ended unasked and will not be started again."""
        self.killed = False
        """Whether its end was `kill`'s doing."""
        self.due = 0.0
        self._began = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Pid of the process that runs, or of the last one."""
        if self._child is None:
            raise FleetError(f"{self.name} has not been started")
        return self._child.pid

    @property
    def url(self) -> str:
        """Address of the api, or of a worker's health page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def exit_code(self) -> int | None:
        """How the last one ended (minus the signal), None while it runs."""
        return None if self._child is None else self._child.poll()

    def running(self) -> bool:
        """Whether it runs; a frozen one does."""
        return self._child is not None and self._child.poll() is None

    def steady(self) -> bool:
        """Whether it has run for so long that earlier failures do not matter any more."""
        return self.running() and time.monotonic() - self._began > STEADY_SECONDS

    def start(self, port: int | None = None) -> None:
        """Start it, at this port if it is free; does nothing if it runs."""
        if self.running():
            return
        self.port = free_port(port or self.port or None)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        name = "VOC_PORT" if self.role == "api" else "VOC_METRICS_PORT"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "voc_cli.run", self.service, self.role, "--lifeline"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment | {name: str(self.port)},
                # A group of its own: Ctrl-C reaches us alone, and should we be killed the kernel wakes
                # (SIGCONT) and ends (SIGHUP) members that are stopped and could not see the lifeline end.
                process_group=0,
            )
        self.wanted, self.given_up, self.killed = True, False, False
        self.starts += 1
        self._began = time.monotonic()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._child is not None and self.running():
            self._child.send_signal(number)

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would, and wait until it is gone; `tend` may start it again."""
        self.killed = True
        self.signal(signal.SIGKILL)
        self.wait()

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and its memory and does nothing."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self.signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting; it will not be started again."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        self.thaw()

    def stop(self, seconds: float = GRACE_SECONDS) -> int:
        """SIGTERM, SIGKILL if it has not ended after `seconds`; returns the exit code."""
        self.ask_to_stop()
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            return self.wait()

    def wait(self, seconds: float | None = None) -> int:
        """Wait until it has ended; returns the exit code, raises `subprocess.TimeoutExpired`."""
        if self._child is None:
            return 0
        code = self._child.wait(seconds)
        if self._child.stdin is not None:
            self._child.stdin.close()
        return code

    def get(self, path: str, seconds: float = 1.0) -> tuple[int, Any]:
        """Status and JSON of a page without token; status 0 and why if it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, str(error)
        finally:
            connection.close()

    def fault(self) -> str:
        """Why it is not ready, "" if it is."""
        if not self.running():
            return f"ended with {self.exit_code}" if self.starts else "not started"
        status, body = self.get("/readyz")
        if status == 200:
            # Another installation that started in the same moment may have taken the port first.
            return "" if body.get("pid") == self.pid else f"port {self.port} was taken by another"
        return str(body["why"]) if status == 503 else "starting"

    def tail(self, lines: int = 8) -> str:
        """The end of its log."""
        return last_lines(self.log, lines)


class Fleet:
    """Processes with one environment, their logs in one folder.

    With `restart`, `tend` starts again what has ended unasked, after a wait that doubles. Used as a
    context manager it stops all at the end.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str], *, restart: bool = True) -> None:
        self.logs = logs
        self.environment = dict(environment)
        self.restart = restart
        self.processes: list[Process] = []

    def start(
        self,
        service: str,
        role: Role,
        n: int = 1,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> list[Process]:
        """Start `n` more processes, without waiting; `environment` adds to the fleet's.

        Raises `UnknownService` if this code has no such part.
        """
        module(service, role)
        begun: list[Process] = []
        for _ in range(n):
            index = len(self.of(service, role)) + 1
            process = Process(
                service, role, index, self.logs, self.environment | dict(environment or {})
            )
            self.processes.append(process)
            process.start(self._unclaimed(port))
            begun.append(process)
        return begun

    def _unclaimed(self, port: int | None) -> int:
        """A free port that none of ours is about to listen on."""
        ours = {p.port for p in self.processes}
        while True:
            found = free_port(port)
            if found not in ours:
                return found
            port = None

    def of(self, service: str, role: Role) -> list[Process]:
        """The processes of one kind, in the order of their start."""
        return [p for p in self.processes if (p.service, p.role) == (service, role)]

    def url(self, service: str) -> str:
        """Address of a service's first api; raises `FleetError`."""
        found = self.of(service, "api")
        if not found:
            raise FleetError(f"no api of {service} has been started")
        return found[0].url

    def tend(self) -> list[str]:
        """Look after what has ended unasked; returns what happened, a line each."""
        said: list[str] = []
        now = time.monotonic()
        for process in self.processes:
            if not process.wanted:
                continue
            if process.running():
                if process.failures and process.steady():
                    process.failures = 0
                continue
            if process.due == 0.0:
                process.wait()
                said.append(self._ended(process, now))
            elif now >= process.due:
                process.due = 0.0
                process.start(process.port)
                said.append(f"{process.name} started again, pid {process.pid}, {process.url}")
        return said

    def _ended(self, process: Process, now: float) -> str:
        process.failures += 1
        what = f"{process.name} ended with {process.exit_code}"
        if process.exit_code == NEEDS_PEOPLE or not self.restart:
            process.wanted = False
            process.given_up = not process.killed
            return f"{what}, not started again; see {process.log}:\n{process.tail()}"
        wait = min(FIRST_WAIT * 2 ** (process.failures - 1), LONGEST_WAIT)
        process.due = now + wait
        return f"{what}, again in {wait:.1f} s; see {process.log}"

    def wait_ready(
        self, seconds: float = 120.0, told: Callable[[int, int, str], None] | None = None
    ) -> None:
        """Wait until every process that should run is ready; raises `FleetError`.

        Also when one keeps ending, or ended and will not be started again.
        `told(ready, of, waiting)` is called when something has changed.
        """
        deadline = time.monotonic() + seconds
        before = ""
        while True:
            self.tend()
            faults = {p: p.fault() for p in self.processes if p.wanted or p.given_up}
            waiting = {p: why for p, why in faults.items() if why}
            now = ", ".join(p.name for p in waiting)
            if told is not None and now != before:
                told(len(faults) - len(waiting), len(faults), now)
                before = now
            if not waiting:
                return
            hopeless = [p for p in waiting if p.failures >= HOPELESS or p.given_up]
            if hopeless or time.monotonic() > deadline:
                told_of = hopeless or list(waiting)
                raise FleetError(
                    "\n".join(f"{p.name}: {waiting[p]}; {p.log}:\n{p.tail()}" for p in told_of)
                )
            time.sleep(0.1)

    def stop(self, seconds: float = GRACE_SECONDS) -> None:
        """Ask all to end at once, and end by SIGKILL those that have not after `seconds`."""
        for process in self.processes:
            process.ask_to_stop()
        deadline = time.monotonic() + seconds
        for process in self.processes:
            process.stop(max(deadline - time.monotonic(), 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
