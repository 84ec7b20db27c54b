"""How far a load has come: counts, the rejects file, and the state from which an interrupted load goes on."""

import fcntl
import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct


class Busy(RuntimeError):
    """Another process runs this load."""


class Counts(Struct):
    """Rows and what became of them."""

    accepted: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        """All rows whose fate is known."""
        return self.accepted + self.unchanged + self.rejected


class Reject(Struct, frozen=True, omit_defaults=True):
    """A row that was not stored: the line it begins at, why, and what it held as far as it could be read."""

    line: int
    reason: str
    row: Any = None


class State(Struct):
    """Written often, read when the same load is started again.

    `purpose` tells this load from every other of the same file. `lanes` are the lines up to which each
    lane's rows are stored; `rejects` is the size in bytes of the rejects file at that time.
    """

    purpose: str
    lanes: list[int]
    counts: Counts
    rejects: int = 0
    load: str = ""


class Book:
    """A load's state and rejects, in two files side by side.

    Both are written together and in this order, rejects then state, so that what a crash leaves behind
    the state is cut off when the load goes on.
    """

    def __init__(self, state_file: Path, rejects_file: Path, purpose: str, lanes: int) -> None:
        self._state_file = state_file
        self._rejects_file = rejects_file
        found = self._read()
        self.resumed = found is not None and found.purpose == purpose
        self.state = (
            found if found is not None and self.resumed else State(purpose, [0] * lanes, Counts())
        )
        self._rejects: BinaryIO = self._open()

    def _read(self) -> State | None:
        try:
            return msgspec.json.decode(self._state_file.read_bytes(), type=State)
        except (OSError, msgspec.DecodeError):
            return None

    def _open(self) -> BinaryIO:
        # Rejected rows hold personal data: nobody else's to read.
        number = os.open(self._rejects_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(number)
            raise Busy(
                f"another load writes to {self._rejects_file}; wait for it, or give --rejects"
            ) from error
        file = os.fdopen(number, "r+b")
        file.truncate(self.state.rejects)
        file.seek(0, os.SEEK_END)
        return file

    def reject(self, reject: Reject) -> None:
        """Write a row to the rejects, and count it."""
        try:
            line = msgspec.json.encode(reject)
        except UnicodeEncodeError:
            line = msgspec.json.encode(Reject(reject.line, ascii(reject.reason), ascii(reject.row)))
        self._rejects.write(line + b"\n")
        self.state.counts.rejected += 1

    def save(self) -> None:
        """Make what has happened so far last."""
        self._rejects.flush()
        os.fsync(self._rejects.fileno())
        self.state.rejects = self._rejects.tell()
        draft = self._state_file.with_name(f"{self._state_file.name}.new")
        draft.write_bytes(msgspec.json.encode(self.state))
        draft.replace(self._state_file)

    def close(self, *, done: bool) -> None:
        """Close both; a load that is done leaves no state, and no rejects file without rejects."""
        self.save()
        self._rejects.close()
        if done:
            self._state_file.unlink(missing_ok=True)
            if not self.state.counts.rejected:
                self._rejects_file.unlink(missing_ok=True)
