"""What a batch brings, written by one statement."""

from collections.abc import Iterable
from itertools import accumulate

from msgspec import Struct
from voc_common.events import Kind, Lane
from voc_common.postgres import AlreadyThere, Transaction, taken_as_new
from voc_common.postgres.arrays import array, numbers


class AlreadyTold(Exception):
    """A record that was taken to be new is known."""


class Accepted(Struct):
    """Revisions for the archive by column, in order of their record ids; `events` are the events about them, encoded."""

    ids: list[str]
    revisions: list[str]
    receipts: list[int]
    sources: list[str]
    events: list[bytes]


class Request(Struct, frozen=True):
    """What the revisions of a batch have in common; `known_at` is the least of theirs, a load of "" is none."""

    tenant: str
    event_kind: Kind
    lane: Lane
    load: str
    known_at: int
    traceparent: str


def joined(words: Iterable[str]) -> str:
    """Ids, revisions and source names as one string, split by Postgres: a quarter of an array's cost."""
    return " ".join(words)


_GIVEN = (
    "given as materialized (select * from unnest(string_to_array(:ids, ' '), string_to_array(:revisions, ' '), "
    f"{array('receipts', 'bigint')}, string_to_array(:sources, ' '), {array('begins', 'int')}, {array('sizes', 'int')}) "
    "as x(record_id, revision, received_at, source, begins, size))"
)
_RECORDS = (
    "made as (insert into ingest.record (tenant, record_id, revision, received_at) "
    "select :tenant, x.record_id, x.revision, x.received_at from given x)"
)
# The events come as one string: an array of them would be looked at and copied element by element, twice.
_ARCHIVE = (
    "kept as (insert into ingest.archive (tenant, received_at, record_id, revision, source, event_kind, lane, load, event) "
    "select :tenant, x.received_at, x.record_id, x.revision, x.source, :event_kind, :lane, :load, "
    "substr(cast(:events as bytea), x.begins, x.size) from given x)"
)
_PENDING = (
    "insert into ingest.pending (tenant, lane, load, receipts, known_at, traceparent) "
    "select :tenant, :lane, :load, array_agg(x.received_at), :known_at, :traceparent from given x returning id"
)
_OF_KNOWN = f"with {_GIVEN}, {_ARCHIVE} {_PENDING}"
_OF_NEW = f"with {_GIVEN}, {_RECORDS}, {_ARCHIVE} {_PENDING}"


async def archive(tx: Transaction, request: Request, rows: Accepted, *, new: bool) -> int:
    """Keep revisions, each once, and that they must be published; returns the id under which that is remembered.

    With `new` the records are stored too, which must all be new: raises `AlreadyTold`, and the transaction
    is lost, if one is not.
    """
    sizes = [len(event) for event in rows.events]
    try:
        with taken_as_new():
            row = await tx.row(
                _OF_NEW if new else _OF_KNOWN,
                tenant=request.tenant,
                event_kind=request.event_kind,
                lane=request.lane,
                load=request.load,
                known_at=request.known_at,
                traceparent=request.traceparent,
                ids=joined(rows.ids),
                revisions=joined(rows.revisions),
                receipts=numbers(rows.receipts),
                sources=joined(rows.sources),
                begins=numbers(accumulate(sizes[:-1], initial=1)),
                sizes=numbers(sizes),
                events=b"".join(rows.events),
            )
    except AlreadyThere as error:
        if not new:
            raise
        raise AlreadyTold from error
    return row.id
