"""Count a tenant anew: forget what is derived, so that a replay of the archive counts it again."""

from voc_common.postgres import Transaction

from voc_scorecard.repository import tables


async def forget(tx: Transaction, tenant: str) -> None:
    """Forget what is counted of a tenant; its owned rows (journal, issues, verdicts) stay."""
    await tables.empty_counted(tx, tenant)
