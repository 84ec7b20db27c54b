"""Which tables can be built anew from the bus, and which are the only copy of what they say."""

from voc_common.postgres import Transaction

COUNTED = ("record", "person", "volume", "pulse", "score", "replaced", "again")
"""Derived from FeedbackClassified, ActivityIdentified, RecordsMoved and RecordsErased."""
TOLD = ("tenant_settings", "taxonomy", "cause", "item_ref", "watermark", "load_mark")
"""Derived from what other services say of themselves."""
DERIVED = COUNTED + TOLD
OWNED = ("journal", "rebuilt")
"""The only copy: corrections, and when the derived tables were last emptied. In every backup."""


async def empty_derived(tx: Transaction) -> None:
    """Forget all that is counted; a replay of the archive, or the bus from its beginning, counts it again.

    Erased records keep their tombstones: the bus may still tell of them. `as_of` reaches back to this
    moment only, since the journal of what comes anew begins here.
    """
    for table in DERIVED:
        kept = " where not erased" if table == "record" else ""
        await tx.run(f"delete from scorecard.{table}{kept}")
    await tx.run(
        "update scorecard.rebuilt set at = cast(extract(epoch from now()) * 1000000 as bigint)"
    )
