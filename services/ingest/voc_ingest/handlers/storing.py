"""One transaction over a batch of items: settle them, archive what is new, leave it for the bus."""

import random
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from voc_common.events import ActivityReceived, FeedbackReceived, Kind, Lane
from voc_common.postgres import Transaction
from voc_common.wire import Outgoing, kept

from voc_ingest.domain.normalising import Normal, Refused, known_at, received
from voc_ingest.domain.revisions import Arrival, Outcome
from voc_ingest.handlers.directory import Known
from voc_ingest.handlers.settling import settled
from voc_ingest.repository import loads, pending, records, tenants
from voc_ingest.repository.records import Archived

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


class LoadClosed(Exception):
    """The load that items name is not there, not open, or of another source."""


class Stale(Exception):
    """The tenant's settings changed between reading them and using them."""


def rejected(why: Refused) -> Result:
    """The result of an item that breaks a rule."""
    return Result("rejected", problem=str(why), code=why.status)


class Storing:
    """A batch on its way into the archive; `run` may be run again after a deadlock.

    After it `results` holds one result per entry, `messages` what the bus must get, and `pending_id` the
    row that remembers this.
    """

    def __init__(
        self,
        known: Known,
        event_kind: Kind,
        entries: Sequence[Entry | Refused],
        first: int,
        lane: Lane,
        load: str,
    ) -> None:
        self._known = known
        self._event_kind: Kind = event_kind
        self._entries = entries
        self._first = first
        self._lane: Lane = lane
        self._load = load
        self._tenant = known.row.tenant
        self.results: list[Result] = []
        self.messages: list[Outgoing] = []
        self.pending_id = 0

    async def run(self, tx: Transaction) -> None:
        """Store the batch; raises `LoadClosed`, `Stale`."""
        history = await self._history(tx)
        self.results, taken = self._taken(history)
        self.messages, self.pending_id = [], 0
        if not taken:
            return
        version = self._known.row.version
        if not self._known.has_records and not await tenants.fix_zone(tx, self._tenant, version):
            raise Stale
        arrivals = [
            (e.normal.record_id, Arrival(e.normal.stamp, self._first + index, e.normal.content))
            for index, e in taken
        ]
        outcomes = await settled(tx, self._tenant, arrivals)
        accepted: list[Archived] = []
        traceparent = ""
        for (index, entry), outcome in zip(taken, outcomes, strict=True):
            self.results[index] = Result(outcome.verdict, entry.normal.record_id, outcome.revision)
            if outcome.verdict == "accepted":
                accepted.append(self._publishable(entry, outcome, history))
                traceparent = traceparent or entry.traceparent
        if accepted:
            await records.archive(
                tx, self._tenant, self._event_kind, self._lane, self._load, accepted
            )
            least = min(a.known_at for a in accepted)
            receipts = [a.received_at for a in accepted]
            self.pending_id = await pending.leave(
                tx, self._tenant, self._lane, self._load, receipts, least, traceparent
            )
        await self._count(tx, taken, outcomes, accepted)

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

    def _taken(self, history: bool) -> tuple[list[Result], list[tuple[int, Entry]]]:
        """The entries that keep all rules, with their places; the results of the others."""
        results: list[Result] = [Result("rejected")] * len(self._entries)
        taken: list[tuple[int, Entry]] = []
        for index, entry in enumerate(self._entries):
            if isinstance(entry, Refused):
                results[index] = rejected(entry)
                continue
            if history:
                try:
                    known_at(entry.normal, self._first + index, history)
                except Refused as error:
                    results[index] = rejected(error)
                    continue
            taken.append((index, entry))
        return results, taken

    def _publishable(self, entry: Entry, outcome: Outcome, history: bool) -> Archived:
        normal, received_at = entry.normal, outcome.received_at
        known = known_at(normal, received_at, history)
        event = received(
            self._tenant,
            normal,
            self._event_kind,
            outcome.revision,
            received_at,
            known,
            self._known.days,
        )
        value = _encode(event)
        kind = FeedbackReceived if self._event_kind == "feedback" else ActivityReceived
        self.messages.append(
            kept(
                kind,
                self._tenant,
                normal.record_id,
                outcome.revision,
                value,
                self._lane,
                entry.traceparent,
            )
        )
        return Archived(
            normal.record_id,
            outcome.revision,
            received_at,
            event.revision.occurred_at,
            known,
            normal.source,
            value,
        )

    async def _count(
        self,
        tx: Transaction,
        taken: Sequence[tuple[int, Entry]],
        outcomes: Sequence[Outcome],
        accepted: Sequence[Archived],
    ) -> None:
        """Last in the transaction, so that the shared rows are held only for its commit."""
        counts: dict[str, tuple[int, int]] = {}
        for (_, entry), outcome in zip(taken, outcomes, strict=True):
            new, same = counts.get(entry.normal.source, (0, 0))
            verdict = outcome.verdict
            counts[entry.normal.source] = (
                new + (verdict == "accepted"),
                same + (verdict == "unchanged"),
            )
        shard = random.randrange(_SHARDS)  # noqa: S311
        await tenants.count_source(tx, self._tenant, counts, self._first, shard)
        if self._load:
            await loads.count(
                tx,
                self._tenant,
                self._load,
                shard,
                len(accepted),
                sum(same for _, same in counts.values()),
                min((a.known_at for a in accepted), default=_NEVER),
                max((a.known_at for a in accepted), default=0),
            )
