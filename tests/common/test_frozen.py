"""A client that stands still inside a transaction loses its locks, whatever it was about to say."""

import asyncio
import struct

import pytest
from voc_common.postgres import Database, DatabaseAway
from voc_common.postgres import database as sessions


def message(kind: bytes, body: bytes = b"") -> bytes:
    """A message of Postgres's protocol."""
    return kind + struct.pack(">i", len(body) + 4) + body


@pytest.mark.parametrize("between", [False, True], ids=["idle", "between two messages"])
@pytest.mark.parametrize("role", ["api", "worker"])
async def test_the_locks_of_a_frozen_client_are_freed(
    database: Database,
    database_url: str,
    role: sessions.Role,
    between: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the messages of a statement that it prepares, Postgres holds a client for active, not for idle."""
    setting = "transaction_timeout" if between else "idle_in_transaction_session_timeout"
    timeouts = sessions._TIMEOUTS[role]  # pyright: ignore[reportPrivateUsage]
    assert setting in timeouts
    monkeypatch.setitem(timeouts, setting, "1s")
    frozen = Database(database_url, "identity", role, pool=1)

    async def stand_still() -> None:
        async with frozen.transaction() as tx:
            await tx.rows("select pg_advisory_xact_lock(42)")
            if between:
                # Parse and Flush, and then nothing.
                tx._connection._transport.write(  # pyright: ignore[reportPrivateUsage]
                    message(b"P", b"late\0select 1\0\0\0") + message(b"H")
                )
            async with asyncio.timeout(20), database.transaction() as other:
                await other.run("set local lock_timeout = 0")
                await other.rows("select pg_advisory_xact_lock(42)")
            await tx.rows("select 1")

    with pytest.raises(DatabaseAway):
        await stand_still()
    await frozen.close()
