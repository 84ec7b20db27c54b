"""Which tables can be built anew from the bus, and which are the only copy of what they say."""

from voc_common.postgres import Transaction

COUNTED = ("record", "person", "volume", "pulse", "pulse_told", "score")
"""Derived from FeedbackClassified, ActivityIdentified, RecordsMoved and RecordsErased."""
JUDGED = ("watch", "alarm")
"""Derived from what is counted."""
TOLD = ("tenant_settings", "taxonomy", "cause", "item_ref", "watermark", "load_mark")
"""Derived from what other services say of themselves."""
DERIVED = COUNTED + JUDGED + TOLD
OWNED = ("journal", "rebuilt", "hot_issue", "verdict")
"""The only copy: corrections, when derived rows were last emptied, the versions of hot issues that other
services have heard of, what people said of them. In every backup."""

_NOW = "cast(extract(epoch from now()) * 1000000 as bigint)"


async def empty_derived(tx: Transaction) -> None:
    """Forget all that is derived; a replay of the archive, or the bus from its beginning, counts it again.

    Erased records keep their tombstones: the bus may still tell of them. `as_of` reaches back to this
    moment only, since the journal of what comes anew begins here.
    """
    await _keep_out(tx)
    await tx.run(
        f"insert into scorecard.rebuilt as r (tenant, at) select tenant, {_NOW} from scorecard.record group by tenant "
        "on conflict (tenant) do update set at = excluded.at"
    )
    for table in DERIVED:
        kept = " where not erased" if table == "record" else ""
        await tx.run(f"delete from scorecard.{table}{kept}")


async def empty_counted(tx: Transaction, tenant: str) -> None:
    """Forget what is counted of one tenant; a replay of its archive counts it again."""
    await _keep_out(tx)
    await tx.run(
        f"insert into scorecard.rebuilt as r (tenant, at) values (:tenant, {_NOW}) "
        "on conflict (tenant) do update set at = excluded.at",
        tenant=tenant,
    )
    for table in COUNTED + JUDGED:
        kept = " and not erased" if table == "record" else ""
        await tx.run(f"delete from scorecard.{table} where tenant = :tenant{kept}", tenant=tenant)


async def _keep_out(tx: Transaction) -> None:
    # A batch that has joined its records but not yet moved its counters would count them into nothing.
    await tx.run("lock table scorecard.record in exclusive mode")
