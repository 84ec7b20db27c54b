"""Ids for rows that have none: their content, and which occurrence of it in the file they are."""

import sqlite3
from hashlib import blake2b
from typing import Any

import msgspec

_canonical = msgspec.json.Encoder(order="sorted").encode


class Occurrences:
    """Counts equal rows. On disk, in a file that is gone when closed: the rows of a file may be many."""

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None

    def name(self, content: Any) -> str:
        """The id of a row: the same whenever the file is read from its beginning."""
        digest = blake2b(_canonical(content), digest_size=16).digest()
        return f"row-{digest.hex()}-{self._count(digest)}"

    def _count(self, digest: bytes) -> int:
        if self._database is None:
            # "" is a temporary database that is held in memory until it is large.
            self._database = sqlite3.connect("", isolation_level=None)
            self._database.execute("pragma journal_mode = off")
            self._database.execute("pragma synchronous = off")
            self._database.execute(
                "create table seen (digest blob primary key, n int) without rowid"
            )
        (count,) = self._database.execute(
            "insert into seen values (?, 1) on conflict (digest) do update set n = n + 1 returning n",
            (digest,),
        ).fetchone()
        return count

    def close(self) -> None:
        """Forget all counts."""
        if self._database is not None:
            self._database.close()
            self._database = None
