"""The folder that holds a ground's data, and the claim on it: one owner, everybody else attaches."""

import fcntl
import json
import os
import random
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voc_local.lifeline import ServerError

PORTS = range(15000, 32000)
"""Below the ports the kernel hands out: a client that keeps connecting to a killed server would
sooner or later be given its port, connect to itself and keep the server from coming back."""


def default_home() -> Path:
    """`VOC_HOME` where set, else `.voc` in the current folder."""
    return Path(os.environ.get("VOC_HOME") or ".voc").absolute()


def free_port(preferred: int | None = None) -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on, the preferred one if it is free."""
    candidates = random.sample(PORTS, 200)
    for port in candidates if preferred is None else [preferred, *candidates]:
        with socket.socket() as probe:
            # As the servers do: a port with closing connections of the run before is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError(f"no free TCP port on 127.0.0.1 between {PORTS.start} and {PORTS.stop}")


def accepts(port: int) -> bool:
    """Whether something accepts a TCP connection on 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log file, for an error message."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])


class Claim:
    """The right to run the one server of a folder.

    The lock is inherited by the server, so that holding it proves that no process of an earlier
    server is left, whatever pid its stale lock file names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._details_file = folder / "server.json"
        self._lock: int | None = None

    @property
    def owned(self) -> bool:
        """Whether this process is the owner."""
        return self._lock is not None

    @property
    def lock(self) -> int:
        """The locked file descriptor; only the owner has one."""
        if self._lock is None:
            raise ServerError(f"this process does not own the server in {self.folder}")
        return self._lock

    def take(self, answers: Callable[[dict[str, Any]], bool], wait_seconds: float) -> bool:
        """Become the owner (True), or find a running server that answers (False).

        Waits while another process starts or stops the server; raises ServerError when it has
        done neither within `wait_seconds`.
        """
        make_folders(self.folder)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                known = self.details()
                if known is not None and answers(known):
                    os.close(lock)
                    return False
            else:
                self._lock = lock
                # A child forked without exec must neither hold the folder nor stop the server.
                os.register_at_fork(after_in_child=self.release)
                return True
            if time.monotonic() > deadline:
                os.close(lock)
                raise ServerError(
                    f"another process holds {self.folder} but its server does not answer: "
                    "stop that process, or set VOC_HOME to another folder"
                )
            time.sleep(0.05)

    def details(self) -> dict[str, Any] | None:
        """Return what the last owner wrote of its server, None before the first start."""
        try:
            return json.loads(self._details_file.read_text())
        except FileNotFoundError:
            return None

    def publish(self, details: dict[str, Any]) -> None:
        """Write down, for who attaches, where the server is (readable by this user only)."""
        draft = self._details_file.with_suffix(".new")
        draft.touch(0o600)
        draft.write_text(json.dumps(details))
        # Renamed: who attaches must not read half of it.
        draft.replace(self._details_file)

    def release(self) -> None:
        """Give the folder up; who waits for it becomes the owner."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def make_folders(folder: Path) -> None:
    """Make a folder and those above it; root's can be passed through, whatever its umask.

    Postgres runs as somebody else there. Rights of folders that exist are left alone.
    """
    if folder.exists():
        return
    make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        folder.chmod(folder.stat().st_mode | 0o111)


def erase(home: Path) -> None:
    """Delete a home and all data in it, also what had to be kept elsewhere (see `account`).

    Raises ServerError when one of its servers runs.
    """
    for folder in (home / "postgres", home / "kafka"):
        if not folder.exists():
            continue
        claim = Claim(folder)
        if not claim.take(lambda known: accepts(known["port"]), 10.0):
            raise ServerError(f"the server in {folder} is running: stop it first")
        data = folder / "data"
        if data.is_symlink():
            shutil.rmtree(data.resolve(), ignore_errors=True)
        shutil.rmtree(folder)
        claim.release()
    if home.exists() and not any(home.iterdir()):
        home.rmdir()
