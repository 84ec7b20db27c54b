"""Publish from the archive what the api could not: the broker was away, or the process died."""

from voc_common import telemetry
from voc_common.events import ActivityReceived, FeedbackReceived, Lane
from voc_common.wire import Outgoing, kept
from voc_common.worker import Context

from voc_ingest.repository import pending
from voc_ingest.repository.pending import Kept

_AT_ONCE = 20
_BYTES = 8 * 1024 * 1024


def message(row: Kept, lane: Lane, traceparent: str = "") -> Outgoing:
    """An archived revision for the bus, its bytes as they were accepted."""
    kind = FeedbackReceived if row.event_kind == "feedback" else ActivityReceived
    return kept(kind, row.tenant, row.record_id, row.revision, row.event, lane, traceparent)


async def publish_pending(context: Context, seconds: float) -> bool:
    """Publish some requests that have waited for `seconds`; False when there are none."""
    async with context.database.transaction() as tx:
        telemetry.pending_age.labels(context.database.schema).set(await pending.age(tx))
        out: list[Outgoing] = []
        done: list[int] = []
        for request in await pending.take_overdue(tx, seconds, _AT_ONCE):
            rows = await pending.kept(tx, request.tenant, request.receipts)
            out += [message(r, request.lane, request.traceparent) for r in rows]
            done.append(request.id)
            if sum(len(m.value) for m in out) > _BYTES:
                break
        if not done:
            return False
        await context.producer.publish(out)
        await pending.done(tx, done)
    return True
