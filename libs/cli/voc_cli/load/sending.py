"""Batches to ingest: several requests at once, a record's rows in their order, retried until they are in."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from voc_cli.api import ApiError, detail
from voc_cli.load.progress import Book, Reject

MAX_ITEMS = 500
MAX_BYTES = 2 * 1024 * 1024
"""Of one request; ingest takes 1,000 items and 8 MiB."""
_AGAIN = {408, 425, 429, 502, 503, 504}
_APART = {400, 413, 422, 500}
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 5.0
_SAVE_SECONDS = 1.0


class GaveUp(RuntimeError):
    """Ingest has taken nothing for too long; started again, the load goes on where it was."""


class Entry(Struct, frozen=True, gc=False):
    """A row on its way: its line, and its item as JSON, or why it cannot be one.

    Rows of one record have the same `key`.
    """

    line: int
    item: bytes
    row: Any
    fault: str = ""
    key: str = ""


class _Result(Struct, frozen=True):
    status: str
    problem: str = ""


class _Answer(Struct, frozen=True):
    results: list[_Result]


class _Fate(Struct, frozen=True, gc=False):
    """What became of a row."""

    entry: Entry
    status: str
    reason: str


_answer = msgspec.json.Decoder(_Answer).decode


class Lane:
    """The rows of some records, in their order: one request at a time.

    What is known about a lane is a prefix of its rows, so that its last line is all that must be kept.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue: asyncio.Queue[list[Entry]] = asyncio.Queue(maxsize=1)
        self._filling: list[Entry] = []
        self._bytes = 0

    async def add(self, entry: Entry) -> None:
        """Take a row; waits while the lane is full."""
        self._filling.append(entry)
        self._bytes += len(entry.item)
        if len(self._filling) >= MAX_ITEMS or self._bytes >= MAX_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Send what has come so far, be it a whole batch or not."""
        if self._filling:
            batch, self._filling, self._bytes = self._filling, [], 0
            await self.queue.put(batch)

    async def end(self) -> None:
        """Say that no more comes."""
        await self.flush()
        await self.queue.put([])


class Sender:
    """Sends the batches of all lanes to one route and writes down what became of each row.

    Ends with `GaveUp` after `patience` seconds without any answer that took something, with `ApiError`
    when ingest refuses the load as a whole.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        route: str,
        book: Book,
        *,
        query: Mapping[str, str],
        patience: float,
    ) -> None:
        self._client = client
        self._route = route
        self._query = dict(query)
        self._book = book
        self._patience = patience
        self._taken_at = time.monotonic()
        self._saved_at = time.monotonic()
        self.waiting = ""
        """Why nothing goes on just now, "" if it does."""

    async def serve(self, lane: Lane) -> None:
        """Send a lane's batches until it ends."""
        while batch := await lane.queue.get():
            fates = [_Fate(e, "rejected", e.fault) for e in batch if e.fault]
            await self._deliver([e for e in batch if not e.fault], fates)
            # In one stroke, without an await: another lane saves the book in between else, and a row
            # that is counted but lies behind the saved line would be counted again.
            for fate in sorted(fates, key=lambda f: f.entry.line):
                self._note(fate)
            self._book.state.lanes[lane.number] = batch[-1].line
            if time.monotonic() - self._saved_at > _SAVE_SECONDS:
                self._book.save()
                self._saved_at = time.monotonic()

    def _note(self, fate: "_Fate") -> None:
        if fate.status == "accepted":
            self._book.state.counts.accepted += 1
        elif fate.status == "unchanged":
            self._book.state.counts.unchanged += 1
        else:
            self._book.reject(Reject(fate.entry.line, fate.reason, fate.entry.row))

    async def _deliver(self, batch: Sequence[Entry], fates: "list[_Fate]") -> None:
        if not batch:
            return
        answer = await self._post(batch)
        if answer.status_code == 202:
            results = _answer(answer.content).results
            if len(results) != len(batch):
                raise ApiError(f"{len(batch)} items were sent, {len(results)} answered")
            fates += [_Fate(e, r.status, _reason(r)) for e, r in zip(batch, results, strict=True)]
        elif answer.status_code in _APART and len(batch) > 1:
            # One row can spoil a request: halve it down to that row.
            middle = len(batch) // 2
            await self._deliver(batch[:middle], fates)
            await self._deliver(batch[middle:], fates)
        elif answer.status_code in _APART:
            fates.append(_Fate(batch[0], "rejected", detail(answer)))
        else:
            raise ApiError(detail(answer), answer.status_code)

    async def _post(self, batch: Sequence[Entry]) -> httpx.Response:
        body = b'{"items":[' + b",".join([e.item for e in batch]) + b"]}"
        wait, failures = _FIRST_WAIT, 0
        while True:
            asked = 0.0
            try:
                answer = await self._client.post(self._route, content=body, params=self._query)
            except httpx.TransportError as error:
                self.waiting = f"ingest does not answer: {error or type(error).__name__}"
            else:
                failures += answer.status_code == 500
                passing = answer.status_code in _AGAIN or (
                    answer.status_code == 500 and failures < 3
                )
                if not passing:
                    self.waiting, self._taken_at = "", time.monotonic()
                    return answer
                self.waiting = detail(answer)
                asked = retry_after(answer.headers.get("retry-after", ""))
            if time.monotonic() - self._taken_at > self._patience:
                raise GaveUp(f"{self.waiting}; nothing was taken for {self._patience:.0f} s")
            # Jitter: lanes that were refused together must not come back together.
            await asyncio.sleep((asked or wait) * random.uniform(1.0, 1.3))  # noqa: S311
            wait = wait if asked else min(wait * 2, _LONGEST_WAIT)


def _reason(result: _Result) -> str:
    if result.status == "erased":
        return "the record was erased and is not taken again"
    return result.problem or result.status


def retry_after(header: str) -> float:
    """Seconds that a `Retry-After` asks for; 0 if it is not a number, at most a minute."""
    try:
        return min(max(float(header), 0.0), 60.0)
    except ValueError:
        return 0.0
