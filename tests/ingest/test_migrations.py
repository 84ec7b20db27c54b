"""What an earlier schema archived is read as before after an upgrade, and told beside what came later."""

import time
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from voc_common.events import FeedbackReceived, Revision
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_ingest.api.records import revision_out
from voc_ingest.repository import pending, records

ID = "0068e8087dec318878698bed73805d5e"
RECEIVED = time.time_ns() // 1000
OCCURRED, KNOWN = 1_736_035_200_000_000, 1_738_368_000_000_000
VERSION = f"{KNOWN:016x}{RECEIVED:016x}{'a' * 16}"
EVENT = msgspec.json.encode(
    FeedbackReceived(
        tenant="acme",
        record_id=ID,
        revision=Revision(VERSION, OCCURRED, RECEIVED, KNOWN, 20092, "helpdesk", "ticket"),
        body=msgspec.Raw(b'{"text":"hello"}'),
    )
)


async def test_times_stand_in_the_event_alone(database_url: str) -> None:
    await migrate(database_url, "ingest", revision="0001")
    connection: Any = await asyncpg.connect(database_url)
    await connection.execute(f"select ingest.ensure_archive({RECEIVED})")
    await connection.execute(
        "insert into ingest.archive (tenant, received_at, record_id, revision, occurred_at, known_at, source, "
        "event_kind, lane, load, event) values ('acme', $1, $2, $3, $4, $5, 'helpdesk', 'feedback', 'bulk', 'l', $6)",
        RECEIVED, ID, VERSION, OCCURRED, KNOWN, EVENT,
    )  # fmt: skip
    await migrate(database_url, "ingest")
    # A month that is made after the upgrade has the columns of the others.
    await connection.execute(f"select ingest.ensure_archive({RECEIVED + 60 * 86_400_000_000})")
    await connection.close()
    worker = Database(database_url, "ingest", "worker", pool=1)
    async with worker.transaction() as tx:
        (told,) = await records.revisions_of(tx, "acme", ID, RECEIVED + 1, 10)
        (kept,) = await pending.kept(tx, "acme", [RECEIVED])
    await worker.close()
    shown = revision_out(told)
    assert (shown.occurred_at, shown.known_at) == ("2025-01-05T00:00:00Z", "2025-02-01T00:00:00Z")
    assert (shown.load, shown.lane, shown.event["body"]) == ("l", "bulk", {"text": "hello"})
    assert (kept.revision, kept.event) == (VERSION, EVENT)
