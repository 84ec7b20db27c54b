"""Forget records for good."""

from collections.abc import Sequence

from voc_common.events import Event, RecordsErased
from voc_common.postgres import Transaction

from voc_ingest.repository import records


async def records_erased(tx: Transaction, batch: list[RecordsErased]) -> Sequence[Event]:
    """Empty the records and their archive; the emptied row refuses them from now on."""
    pairs = sorted({(event.tenant, record_id) for event in batch for record_id in event.records})
    if pairs:
        await records.erase(tx, [t for t, _ in pairs], [r for _, r in pairs])
    return []
