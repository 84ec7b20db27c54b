"""Start a server under a watcher, so that it cannot outlive the process that started it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WATCHER = Path(__file__).with_name("watch.py")
LARGE_LOG = 16 * 1024 * 1024


class ServerError(RuntimeError):
    """A server could not be started or reached; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process and the watcher in front of it."""

    pid: int
    watcher: subprocess.Popen[bytes]

    def running(self) -> bool:
        """Whether the server still runs."""
        if self.watcher.poll() is not None:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            # The watcher is waiting for what the server left.
            return False
        return True

    def stop(self) -> None:
        """Ask the server to stop and wait until it has (it is ended after its grace)."""
        lifeline = self.watcher.stdin
        if lifeline is not None and not lifeline.closed:
            with contextlib.suppress(BrokenPipeError):
                # A byte, not only the closing: a forked child of ours may hold the pipe open.
                os.write(lifeline.fileno(), b"q")
            lifeline.close()
        self.watcher.wait()

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would, and wait until it is gone."""
        if self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        # Not by `stop`, which would let it end gently if it were quicker.
        self.watcher.wait()
        self.stop()


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    environment: dict[str, str],
    stop_signal: signal.Signals,
    grace_seconds: float,
    keep_open: int,
    account: tuple[int, int] | None = None,
) -> Server:
    """Start `argv` in `cwd`, its output appended to `log`.

    `account` is the (uid, gid) to run as, None for our own. `keep_open` is a file descriptor that
    every process of the server inherits: a lock on it is held until the last of them is gone.
    Raises ServerError when the process cannot be started.
    """
    plan = {
        "argv": list(argv),
        "cwd": str(cwd),
        "account": account,
        "stop_signal": int(stop_signal),
        "grace_seconds": grace_seconds,
    }
    if log.exists() and log.stat().st_size > LARGE_LOG:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as errors:
        watcher = subprocess.Popen(
            # -I -S: neither the project's path nor site packages; it starts in 20 ms.
            [sys.executable, "-I", "-S", str(WATCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            pass_fds=(keep_open,),
            # Its own session: Ctrl-C on the terminal must not take the ground from under its owner.
            start_new_session=True,
        )
    assert watcher.stdin is not None
    assert watcher.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        os.write(watcher.stdin.fileno(), json.dumps(plan).encode() + b"\n")
    with watcher.stdout as out:
        line = out.readline()
    if not line:
        watcher.wait()
        raise ServerError(f"{argv[0]} could not be started; see {log}")
    return Server(int(line), watcher)


def wait_for_end(pid: int, seconds: float | None = None) -> bool:
    """Wait until a process, any process, has ended; False when it has not after `seconds`."""
    if hasattr(os, "pidfd_open"):
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            # Also true of a process that ended and whose parent has not taken notice.
            return bool(select.select([process], [], [], seconds)[0])
        finally:
            os.close(process)
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
