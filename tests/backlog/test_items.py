"""What is known of an item: its owner, its title, its trail, its versions."""

from collections.abc import Callable
from typing import Any

import pytest
from voc_backlog.handlers import items
from voc_common.events import CauseNode
from voc_common.postgres import Database

from tests.backlog.conftest import DAY, NOW, Backlog, Make, closed, states


async def test_owners_follow_the_taxonomy_until_a_person_assigns(
    backlog: Backlog, issue: Make, told: Callable[[], Any]
) -> None:
    await backlog.hears(issue())
    await backlog.has_taxonomy(
        2,
        CauseNode("delivery_problems", "Delivery", owner="logistics"),
        CauseNode("late_delivery", "Late delivery", ("delivery",), parent="delivery_problems"),
    )
    item = await backlog.item()
    assert (item.owner, item.owner_from, item.title) == (
        "logistics",
        "cause",
        "Late delivery (delivery)",
    )
    await backlog.has_taxonomy(1, CauseNode("late_delivery", "Old", owner="nobody"))
    assert await backlog.item() == item, "an older taxonomy changes nothing"
    item = await backlog.edited(item, owner="lea", title="Parcels of the south depot")
    await backlog.has_taxonomy(3, CauseNode("late_delivery", "Late", owner="shipping"))
    item = await backlog.item()
    assert (item.owner, item.owner_from) == ("lea", "person")
    assert item.title == "Parcels of the south depot"
    item = await backlog.edited(item, owner=None, title=None)
    assert (item.owner, item.owner_from, item.title) == ("shipping", "cause", "Late (delivery)")
    assert (await told())[item.item][-1].owner == "shipping"


async def test_stage_owner_and_fallback_are_settings(backlog: Backlog, issue: Make) -> None:
    await backlog.is_configured(1, stage_owners={"delivery": "dri-delivery"}, fallback_owner="ceo")
    await backlog.hears(issue(), issue("i2", stage="checkout"))
    assert [(i.owner, i.owner_from) for i in await backlog.items()] == [
        ("ceo", "fallback"),
        ("dri-delivery", "stage"),
    ]


async def test_settings_that_do_not_fit_are_left_out_and_named(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.is_configured(7, cost_per_contact=20, margin="a lot", file_people=0, other=1)
    await backlog.hears(issue())
    item = await backlog.item()
    terms = {t.name: t for t in item.terms}
    assert (terms["cost_per_contact"].value, terms["cost_per_contact"].source) == (
        20.0,
        "settings, version 7",
    )
    assert (terms["margin"].value, terms["margin"].source) == (0.7, "default")
    async with backlog.database.transaction() as tx:
        ground = await items.ground(tx, backlog.tenant)
    assert set(ground.ignored) == {"margin", "file_people"}


async def test_the_trail_says_who_did_what(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    item = await backlog.item()
    item = await backlog.goes(item, "triaged", why="looks real")
    await backlog.hears(issue(version=2, people=30))
    async with backlog.database.transaction() as tx:
        found = (await items.view(tx, backlog.tenant, item.item)).trail
    assert [(t.version, t.made_by, t.from_state, t.to_state, t.why) for t in found] == [
        (3, "voc", "triaged", "triaged", "hot issue i1 is new"),
        (2, "kim", "filed", "triaged", "looks real"),
        (1, "voc", "", "filed", "hot issue i1 is new"),
    ]
    assert set(found[0].changes) == {"priority"}


async def test_the_trail_is_only_added_to(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    for sql in ("update backlog.trail set why = ''", "delete from backlog.trail"):
        with pytest.raises(Exception, match="only added to"):
            async with backlog.database.transaction() as tx:
                await tx.run(sql)


async def test_evidence_is_no_conflict_and_a_decision_is(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    seen = await backlog.item()
    await backlog.hears(issue(version=2, people=30), issue("i2"))
    now = await backlog.goes(seen, "triaged")
    assert now.version == seen.version + 2
    with pytest.raises(items.Stale) as stale:
        await backlog.goes(seen, "declined", until=NOW + DAY)
    assert stale.value.item == now


async def test_an_older_item_is_not_opened_beside_an_open_one(
    backlog: Backlog, issue: Make
) -> None:
    await closed(backlog, issue)
    await backlog.hears(issue("i2", detected_at=NOW + 61 * DAY))
    first, second = await backlog.items()
    async with backlog.database.transaction() as tx:
        assert await items.occupied(tx, [first, second]) == {first.item}
    with pytest.raises(items.Occupied, match=second.item):
        await backlog.goes(first, "reopened")
    assert states(await backlog.items()) == [(1, "closed"), (2, "filed")]


async def test_after_a_restore_versions_are_greater_than_all_before(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.hears(issue())
    try:
        await set_generation(backlog.database, 2)
        await backlog.hears(issue(version=2, people=40))
    finally:
        await set_generation(backlog.database, 1)
    assert (await backlog.item()).version == 2**32 + 1


async def set_generation(database: Database, value: int) -> None:
    async with database.transaction() as tx:
        await tx.run("update backlog.generation set value = :value", value=value)
