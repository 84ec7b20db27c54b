"""Run one server for as long as the process that asked for it lives; a script, never imported.

Standard input first carries the plan, a line of JSON, and is the lifeline from then on: it closes
when the asking process ends in any way, SIGKILL included, and a byte on it asks for a stop. The
server's pid is written to standard output; standard error is the server's log.

A separate process because the kernel's own parent-death signal fires when the *thread* that
started a child ends, and because a server that loses its owner should still stop cleanly.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
SIGNALS_OF_THE_OWNER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def become_server(plan: dict[str, Any], watcher: int) -> NoReturn:
    """Turn this forked child into the server, as the account the plan names."""
    for number in SIGNALS_OF_THE_OWNER:
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if plan["account"]:
        uid, gid = plan["account"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if LINUX:
        # A SIGKILL of the watcher must not leave the server; after setuid, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, plan["stop_signal"])
        if os.getppid() != watcher:
            os._exit(1)
    os.chdir(plan["cwd"])
    os.execv(plan["argv"][0], plan["argv"])


def ended(pid: int, options: int = os.WNOHANG) -> int | None:
    """Return the server's exit status as a shell would say it, None while it runs."""
    found, status = os.waitpid(pid, options)
    if found == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def stopped(pid: int, plan: dict[str, Any]) -> int | None:
    """Ask the server to stop, end it when it has not within its grace, return its status."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, plan["stop_signal"])
    deadline = time.monotonic() + plan["grace_seconds"]
    while time.monotonic() < deadline:
        if (status := ended(pid)) is not None:
            return status
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return ended(pid, 0)


def clear_away() -> None:
    """End what a killed server left, so that it can be started again at once.

    A backend of Postgres that is busy does not notice that its postmaster is gone, and would
    hold the shared memory until its statement ends.
    """
    began = time.monotonic()
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < began + 10.0:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                if time.monotonic() > began + 0.5:
                    for pid in children():
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)


def children() -> list[int]:
    """The pids of this process's children, as the kernel lists them (none where it does not)."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def note(number: int, frame: FrameType | None) -> None:
    """Let a signal wake the waiting loop, which needs a handler for it."""


def read_plan() -> dict[str, Any]:
    """Read the first line of standard input, and not a byte more."""
    line = b""
    while not line.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            sys.exit(1)
        line += byte
    return json.loads(line)


def main() -> int | None:
    """Start the server, watch it and its owner, return the server's exit status."""
    owner, watcher = os.getppid(), os.getpid()
    # What ends the owner reaches this process by the lifeline, in the order the owner chose.
    for number in SIGNALS_OF_THE_OWNER:
        signal.signal(number, signal.SIG_IGN)
    plan = read_plan()
    if LINUX:
        # Postgres' backends outlive a killed postmaster for a moment: they become our children.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    child_ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, note)
    pid = os.fork()
    if pid == 0:
        try:
            become_server(plan, watcher)
        except OSError as error:
            os.write(2, f"{plan['argv'][0]}: {error}\n".encode())
        os._exit(127)
    os.write(1, f"{pid}\n".encode())
    os.close(1)
    while (status := ended(pid)) is None:
        readable, _, _ = select.select([0, child_ended], [], [], 1.0)
        if child_ended in readable:
            os.read(child_ended, 512)
        # The owner's pid as well: a child it forked without exec holds the lifeline open.
        if 0 in readable or os.getppid() != owner:
            status = stopped(pid, plan)
            break
    clear_away()
    return status


if __name__ == "__main__":
    sys.exit(main())
