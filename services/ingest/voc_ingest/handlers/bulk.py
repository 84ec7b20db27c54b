"""What else goes out on the bulk lane: the ends of loads, and replays."""

from voc_common.worker import Context

from voc_ingest.handlers.loads import close_loads
from voc_ingest.handlers.replays import publish_replays
from voc_ingest.repository import replays


async def publish_bulk(context: Context) -> bool:
    """Close a load and publish the next page of a replay, where there is one; False when there is neither."""
    async with context.database.transaction() as tx:
        ended, running = await replays.waiting(tx)
    closed = ended and await close_loads(context)
    return (running and await publish_replays(context)) or closed
