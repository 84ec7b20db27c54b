"""One transaction over a batch of items: settle them, archive what is new, leave it for the bus."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from voc_common import versions
from voc_common.events import ActivityReceived, FeedbackReceived, Kind, Lane
from voc_common.postgres import Transaction
from voc_common.wire import Outgoing, kept

from voc_ingest.domain.normalising import Normal, Refused, known_at, received
from voc_ingest.domain.revisions import Arrival, Outcome
from voc_ingest.handlers.directory import Known
from voc_ingest.handlers.settling import settled
from voc_ingest.repository import loads, tenants
from voc_ingest.repository.archiving import Accepted, Request, archive

_NEVER = (1 << 63) - 1
_SHARDS = 8
_encode = msgspec.json.Encoder().encode


class Result(Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of one item; `problem` says why it was rejected and `code` the HTTP status it has alone."""

    status: Literal["accepted", "unchanged", "erased", "rejected"]
    record_id: str = ""
    revision: str = ""
    problem: str = ""
    code: int = 0


class Entry(Struct, frozen=True, gc=False):
    """An item in normal form, and the trace that its sender sampled."""

    normal: Normal
    traceparent: str = ""


_Taken = tuple[str, int, Entry]
"""An entry that keeps all rules with its record id, by which they are ordered, and its place."""


class LoadClosed(Exception):
    """The load that items name is not there, not open, or of another source."""


class Stale(Exception):
    """The tenant's settings changed between reading them and using them."""


def rejected(why: Refused) -> Result:
    """The result of an item that breaks a rule."""
    return Result("rejected", problem=str(why), code=why.status)


class _Brought(Struct):
    """What a batch brings: revisions for the archive, since when each was `known`, and items by source.

    `trace` is the first that its sender sampled.
    """

    rows: Accepted
    known: list[int]
    accepted: Counter[str]
    unchanged: Counter[str]
    trace: str = ""


class Storing:
    """A batch on its way into the archive; `run` may be run again after a deadlock.

    With `assume_new` records are taken to be new without a look at them. After it `results` holds one result
    per entry, `messages` what the bus must get, `pending_id` the row that remembers this, and `all_new` says
    whether every record was new.
    """

    def __init__(
        self,
        known: Known,
        event_kind: Kind,
        entries: Sequence[Entry | Refused],
        first: int,
        lane: Lane,
        load: str,
        *,
        assume_new: bool,
    ) -> None:
        self._known = known
        self._event_kind: Kind = event_kind
        self._entries = entries
        self._first = first
        self._lane: Lane = lane
        self._load = load
        self._tenant = known.row.tenant
        self._assume_new = assume_new
        self.results: list[Result] = []
        self.messages: list[Outgoing] = []
        self.pending_id = 0
        self.all_new = True

    async def run(self, tx: Transaction) -> None:
        """Store the batch; raises `LoadClosed`, `Stale`, and `AlreadyTold` if a record is not new as assumed."""
        history = await self._history(tx)
        self.results, taken = self._taken(history)
        self.messages, self.pending_id = [], 0
        if not taken:
            return
        version = self._known.row.version
        if not self._known.has_records and not await tenants.fix_zone(tx, self._tenant, version):
            raise Stale
        # Locked in this order, so that two requests with the same records cannot deadlock.
        taken.sort()
        as_new = self._assume_new and len({record_id for record_id, _, _ in taken}) == len(taken)
        outcomes = self._as_new(taken)
        if not as_new:
            outcomes, self.all_new = await settled(tx, self._tenant, self._arrivals(taken))
        brought = self._accepted(taken, outcomes, history)
        if brought.known:
            request = Request(
                self._tenant,
                self._event_kind,
                self._lane,
                self._load,
                min(brought.known),
                brought.trace,
            )
            self.pending_id = await archive(tx, request, brought.rows, new=as_new)
        await self._count(tx, brought)

    def _as_new(self, taken: Sequence[_Taken]) -> Iterable[Outcome]:
        """What becomes of entries if all their records are new and none comes twice."""
        for at, (_, _, entry) in enumerate(taken, self._first):
            normal = entry.normal
            version = versions.revision(normal.stamp, at, normal.content)
            yield Outcome("accepted", version, at)

    def _arrivals(self, taken: Sequence[_Taken]) -> list[tuple[str, Arrival]]:
        return [
            (record_id, Arrival(entry.normal.stamp, at, entry.normal.content))
            for at, (record_id, _, entry) in enumerate(taken, self._first)
        ]

    async def _history(self, tx: Transaction) -> bool:
        if not self._load:
            return False
        row = await loads.open_for_writing(tx, self._tenant, self._load)
        if row is None or row.state != "open":
            raise LoadClosed(
                "the load is not there, or is complete: begin another by POST /v1/loads"
            )
        if any(isinstance(e, Entry) and e.normal.source != row.source for e in self._entries):
            raise LoadClosed(f"this load takes items of the source {row.source} only")
        return row.history

    def _taken(self, history: bool) -> tuple[list[Result], list[_Taken]]:
        """The entries that keep all rules, with their places; the results of the others."""
        results: list[Result] = [Result("rejected")] * len(self._entries)
        taken: list[_Taken] = []
        for index, entry in enumerate(self._entries):
            if isinstance(entry, Refused):
                results[index] = rejected(entry)
                continue
            if history:
                try:
                    known_at(entry.normal, self._first, history)
                except Refused as error:
                    results[index] = rejected(error)
                    continue
            taken.append((entry.normal.record_id, index, entry))
        return results, taken

    def _accepted(
        self, taken: Sequence[_Taken], outcomes: Iterable[Outcome], history: bool
    ) -> _Brought:
        """The results and messages, and what must be stored."""
        brought = _Brought(Accepted([], [], [], [], []), [], Counter(), Counter())
        rows, known, tenant, lane = brought.rows, brought.known, self._tenant, self._lane
        kind = FeedbackReceived if self._event_kind == "feedback" else ActivityReceived
        for (record_id, index, entry), outcome in zip(taken, outcomes, strict=True):
            normal, version = entry.normal, outcome.revision
            self.results[index] = Result(outcome.verdict, record_id, version)
            if outcome.verdict != "accepted":
                brought.unchanged[normal.source] += outcome.verdict == "unchanged"
                continue
            at, trace = outcome.received_at, entry.traceparent
            since = known_at(normal, at, history)
            event = received(
                tenant,
                normal,
                self._event_kind,
                version,
                at,
                since,
                self._known.days,
                outcome.first_at,
            )
            value = _encode(event)
            self.messages.append(kept(kind, tenant, record_id, version, value, lane, trace))
            brought.accepted[normal.source] += 1
            brought.trace = brought.trace or trace
            known.append(since)
            rows.ids.append(record_id)
            rows.revisions.append(version)
            rows.receipts.append(at)
            rows.sources.append(normal.source)
            rows.events.append(value)
        return brought

    async def _count(self, tx: Transaction, brought: _Brought) -> None:
        """Last in the transaction, so that the shared rows are held only for its commit."""
        shard = random.randrange(_SHARDS)  # noqa: S311
        accepted, unchanged = brought.accepted, brought.unchanged
        await tenants.count_source(tx, self._tenant, accepted, unchanged, self._first, shard)
        if self._load:
            await loads.count(
                tx,
                self._tenant,
                self._load,
                shard,
                accepted.total(),
                unchanged.total(),
                min(brought.known, default=_NEVER),
                max(brought.known, default=0),
            )
