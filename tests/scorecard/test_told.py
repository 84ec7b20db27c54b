"""What other services say: the latest version stands, whatever the order."""

import itertools
import secrets
from typing import Any

import pytest
from voc_common.events import CauseNode, ItemChanged, TaxonomyPublished, TenantConfigured, Tick
from voc_common.postgres import Database
from voc_common.stage import TickAt
from voc_scorecard.handlers import told
from voc_scorecard.repository import told as kept


async def rows(database: Database, sql: str, **values: object) -> list[tuple[Any, ...]]:
    async with database.transaction() as tx:
        return [tuple(row) for row in await tx.rows(sql, **values)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_latest_taxonomy_stands(database: Database, order: tuple[int, ...]) -> None:
    tenant = f"t{secrets.token_hex(5)}"
    versions = [
        (CauseNode("a", "A"), CauseNode("gone", "Gone")),
        (CauseNode("a", "A2", ("support",)), CauseNode("b", "B", parent="a")),
        (CauseNode("a", "A3"), CauseNode("b", "B3")),
    ]
    for i in (*order, order[0]):
        event = TaxonomyPublished(
            tenant=tenant, version=i + 1, nodes=versions[i], published_at=1_000_000 * i
        )
        await database.retried(lambda tx, e=event: told.taxonomy_published(tx, [e]))
    found = await rows(
        database,
        "select cause, name, version, parent from scorecard.cause where tenant = :tenant order by cause",
        tenant=tenant,
    )
    assert found == [("a", "A3", 3, ""), ("b", "B3", 3, ""), ("gone", "Gone", 1, "")]
    latest = "select version from scorecard.taxonomy where tenant = :tenant"
    assert await rows(database, latest, tenant=tenant) == [(3,)]


async def test_the_latest_settings_and_items_stand(database: Database) -> None:
    tenant = f"t{secrets.token_hex(5)}"
    for version in (2, 3, 1):
        zone = "Asia/Kolkata" if version == 3 else "UTC"
        configured = TenantConfigured(tenant=tenant, version=version, zone=zone)
        await database.retried(lambda tx, e=configured: told.tenant_configured(tx, [e]))
        item = ItemChanged(
            tenant=tenant,
            item="i",
            version=version,
            state=f"s{version}",
            title="T",
            cause="a",
            changed_at=1,
        )
        await database.retried(lambda tx, e=item: told.item_changed(tx, [e, e]))
    async with database.transaction() as tx:
        assert await kept.zone(tx, tenant) == "Asia/Kolkata"
        assert await kept.zone(tx, "somebody else") == "UTC"
    state = "select state->>'state' from scorecard.item_ref where tenant = :tenant"
    assert await rows(database, state, tenant=tenant) == [("s3",)]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "a\x00b"])
async def test_a_zone_that_does_not_exist(database: Database, zone: str) -> None:
    event = TenantConfigured(tenant="t", version=1, zone=zone)
    with pytest.raises(ValueError, match="no such zone"):
        await database.retried(lambda tx: told.tenant_configured(tx, [event]))


async def test_time_does_not_go_back(database: Database) -> None:
    topic = f"voc.{secrets.token_hex(5)}"
    for through in (50, 70, 60):
        ticks = [TickAt(topic, at, Tick(through=through + at)) for at in (1, 0)]
        ticks.append(TickAt(topic, 0, Tick(through=9, tenant="t", load=f"{topic} load", since=3)))
        await database.retried(lambda tx, found=ticks: told.ticked(tx, found))
    async with database.transaction() as tx:
        assert await kept.watermark(tx, [topic]) == (70, 2)
    marks = "select partition, since, through from scorecard.load_mark where load = :load"
    assert await rows(database, marks, load=f"{topic} load") == [(0, 3, 9)]
