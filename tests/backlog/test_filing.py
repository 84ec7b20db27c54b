"""From hot issues to items: one open per subject, evidence added, owners found, everyone told."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from voc_backlog.domain.acts import Edit, Wish
from voc_backlog.domain.issues import Unusable
from voc_backlog.domain.items import Item
from voc_backlog.handlers import events, items
from voc_backlog.repository import items as repository
from voc_common.events import CauseNode, HotIssueChanged, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Database

from tests.backlog.conftest import DAY, NOW

Make = Callable[..., HotIssueChanged]

TO_CLOSED = ("triaged", "in_progress", "piloting", "verified", "closed")


class Backlog:
    """A tenant's backlog at a time that the test sets."""

    def __init__(self, database: Database, tenant: str, patch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.tenant = tenant
        self.now = NOW
        patch.setattr(items, "clock", lambda: self.now)

    async def hears(self, *told: HotIssueChanged) -> None:
        await self.database.retried(lambda tx: events.hot_issue_changed(tx, list(told)))

    async def is_configured(self, version: int, **settings: Any) -> None:
        event = TenantConfigured(tenant=self.tenant, version=version, settings=settings)
        await self.database.retried(lambda tx: events.tenant_configured(tx, [event]))

    async def has_taxonomy(self, version: int, *nodes: CauseNode) -> None:
        event = TaxonomyPublished(tenant=self.tenant, version=version, nodes=nodes, published_at=1)
        await self.database.retried(lambda tx: events.taxonomy_published(tx, [event]))

    async def items(self) -> list[Item]:
        """All items but those withdrawn before anybody touched them."""
        async with self.database.transaction() as tx:
            rows = await tx.rows(
                "select item from backlog.item where tenant = :tenant and (said <> '' or state <> 'retired') "
                "order by cause, stage, product, ordinal",
                tenant=self.tenant,
            )
            found = await repository.items_by_id(tx, [(self.tenant, r.item) for r in rows])
        return sorted(found, key=lambda i: (i.subject, i.ordinal))

    async def item(self) -> Item:
        (found,) = await self.items()
        return found

    async def goes(self, item: Item, *states: str, **wish: Any) -> Item:
        """Let a person take steps."""
        for state in states:
            proof = {"verification": "numbers fell"} if state == "closed" else {}
            step = Wish(to=state, **({"why": "because"} | proof | wish))  # type: ignore[arg-type]
            item = await self._acted(
                lambda tx, i=item, s=step: items.move(tx, self.tenant, i.item, i.version, "kim", s)
            )
        return item

    async def edited(self, item: Item, **wanted: Any) -> Item:
        return await self._acted(
            lambda tx: items.edit(
                tx, self.tenant, item.item, item.version, "kim", "", Edit(**wanted)
            )
        )

    async def _acted(self, use: Callable[[Any], Awaitable[Item]]) -> Item:
        return await self.database.retried(use)

    async def flagged(self, *subject: str, **told: float) -> tuple[Item, bool]:
        cause, stage, product = (*subject, "", "", "")[:3]
        return await self.database.retried(
            lambda tx: items.flag(
                tx, (self.tenant, cause, stage, product), "broken", told, "kim", Edit()
            )
        )


@pytest.fixture
def backlog(database: Database, tenant: str, monkeypatch: pytest.MonkeyPatch) -> Backlog:
    return Backlog(database, tenant, monkeypatch)


def states(found: Sequence[Item]) -> list[tuple[int, str]]:
    return [(i.ordinal, i.state) for i in found]


async def test_a_hot_issue_becomes_an_item_and_everyone_is_told(
    backlog: Backlog, issue: Make, told: Callable[[], Any]
) -> None:
    await backlog.hears(issue())
    item = await backlog.item()
    assert (item.state, item.title, item.issues) == (
        "filed",
        "late_delivery (delivery)",
        ("i1",),
    )
    assert (item.owner, item.owner_from) == ("customer-experience", "fallback")
    (event,) = (await told())[item.item]
    assert (event.version, event.state, event.owner, event.issues, event.priority) == (
        1, "filed", item.owner, ("i1",), item.priority,
    )  # fmt: skip


async def test_the_same_again_changes_nothing_and_says_nothing(
    backlog: Backlog, issue: Make, told: Callable[[], Any]
) -> None:
    await backlog.hears(issue(), issue(version=2, people=20), issue())
    item = await backlog.item()
    await backlog.hears(issue(version=2, people=20))
    await backlog.hears(issue())
    assert await backlog.item() == item
    assert [e.version for e in (await told())[item.item]] == [1]


async def test_another_outbreak_of_the_subject_adds_evidence(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue("i1"))
    await backlog.hears(issue("i2", detected_at=NOW - DAY, people=40))
    item = await backlog.item()
    assert (item.issues, item.people, item.version) == (("i1", "i2"), 40, 2)


async def test_another_product_is_another_subject(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue("i1"), issue("i2", product="app"))
    assert [i.product for i in await backlog.items()] == ["", "app"]


async def test_the_policy_keeps_small_and_doubtful_issues_out(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.is_configured(1, file_people=10, file_p_real=0.8, detect_p_real=0.4)
    await backlog.hears(issue("few", people=9), issue("doubtful", p_real=0.3))
    assert await backlog.items() == []
    await backlog.hears(issue("grey", p_real=0.5))
    assert (await backlog.item()).state == "detected"
    await backlog.hears(issue("grey", version=2, p_real=0.85))
    item = await backlog.item()
    assert (item.state, item.issues) == ("filed", ("doubtful", "few", "grey"))


async def test_an_issue_that_fades_stays_filed(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    before = await backlog.item()
    await backlog.hears(issue(version=2, state="resolved", people=1, p_real=0.2, changed_at=NOW))
    item = await backlog.item()
    assert (item.state, item.people) == ("filed", 12)
    assert item.priority < before.priority


async def test_an_issue_that_narrows_stays_with_its_item(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    await backlog.hears(issue(version=2, product="app"))
    item = await backlog.item()
    assert (item.product, item.issues) == ("", ("i1",))


async def test_the_first_version_coming_last_takes_an_untouched_item_along(
    backlog: Backlog, issue: Make, told: Callable[[], Any]
) -> None:
    await backlog.hears(issue(version=2, product="app"))
    early = await backlog.item()
    await backlog.hears(issue(version=1))
    item = await backlog.item()
    assert (item.product, item.issues) == ("", ("i1",))
    last = (await told())[early.item][-1]
    assert (last.state, last.issues) == ("retired", ())


async def test_a_touched_item_keeps_the_evidence_it_was_touched_with(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.hears(issue(version=2, product="app"))
    await backlog.goes(await backlog.item(), "triaged")
    await backlog.hears(issue(version=1))
    item = await backlog.item()
    assert (item.product, item.state, item.issues) == ("app", "triaged", ("i1",))


async def test_stricter_settings_withdraw_what_nobody_has_touched(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.hears(issue("i1"), issue("i2", product="app"))
    kept = (await backlog.items())[1]
    await backlog.goes(kept, "triaged")
    await backlog.is_configured(1, file_people=100, detect_p_real=0.5)
    assert [(i.product, i.state) for i in await backlog.items()] == [("app", "triaged")]
    await backlog.is_configured(2)
    assert [(i.product, i.state) for i in await backlog.items()] == [
        ("", "filed"),
        ("app", "triaged"),
    ]


async def closed(backlog: Backlog, issue: Make) -> Item:
    """An item closed by people at NOW."""
    await backlog.hears(issue())
    return await backlog.goes(await backlog.item(), *TO_CLOSED)


async def test_a_new_outbreak_soon_after_the_closing_reopens(backlog: Backlog, issue: Make) -> None:
    done = await closed(backlog, issue)
    assert (done.state, done.reworked, done.verification) == ("closed", 0, "numbers fell")
    await backlog.hears(issue("i2", detected_at=NOW + 59 * DAY))
    item = await backlog.item()
    assert (item.state, item.issues, item.reworked) == ("reopened", ("i1", "i2"), 1)
    backlog.now = NOW + 60 * DAY
    item = await backlog.goes(item, "triaged")
    assert (item.reworked, item.verification) == (1, "")


async def test_a_new_outbreak_long_after_the_closing_files_a_new_item(
    backlog: Backlog, issue: Make
) -> None:
    await closed(backlog, issue)
    await backlog.hears(issue("i2", detected_at=NOW + 61 * DAY))
    assert states(await backlog.items()) == [(1, "closed"), (2, "filed")]
    # One of between, told late: it reopens the first, and nobody has touched the second.
    await backlog.hears(issue("i3", detected_at=NOW + DAY))
    item = await backlog.item()
    assert (item.ordinal, item.state, item.issues) == (1, "reopened", ("i1", "i2", "i3"))


async def test_an_outbreak_from_before_the_closing_is_only_evidence(
    backlog: Backlog, issue: Make
) -> None:
    await closed(backlog, issue)
    await backlog.hears(issue("i2", detected_at=NOW - DAY, p_real=1.0))
    await backlog.hears(
        issue("i1", version=9, state="escalating", people=500, changed_at=NOW + DAY)
    )
    item = await backlog.item()
    assert (item.state, item.issues, item.people) == ("closed", ("i1", "i2"), 500)


async def test_a_doubtful_outbreak_does_not_reopen(backlog: Backlog, issue: Make) -> None:
    await closed(backlog, issue)
    await backlog.hears(issue("i2", detected_at=NOW + DAY, p_real=0.2))
    item = await backlog.item()
    assert (item.state, item.issues) == ("closed", ("i1", "i2"))


async def test_a_declined_item_sleeps_and_keeps_counting(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    await backlog.goes(await backlog.item(), "declined", until=NOW + 30 * DAY)
    await backlog.hears(issue("i2", detected_at=NOW + 29 * DAY))
    item = await backlog.item()
    assert (item.state, item.issues) == ("declined", ("i1", "i2"))
    await backlog.hears(issue("i3", detected_at=NOW + 30 * DAY))
    item = await backlog.item()
    assert (item.state, item.reworked) == ("reopened", 0)


async def test_a_retired_item_stays_retired(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    await backlog.goes(await backlog.item(), "retired")
    await backlog.hears(issue("i2", detected_at=NOW - DAY), issue("i3", detected_at=NOW + DAY))
    found = await backlog.items()
    assert states(found) == [(1, "retired"), (2, "filed")]
    assert [i.issues for i in found] == [("i1", "i2"), ("i3",)]


async def test_a_flag_files_wakes_or_adds(backlog: Backlog, issue: Make) -> None:
    item, new = await backlog.flagged("late_delivery", "delivery", people=3)
    assert (new, item.state, item.flags, item.people) == (True, "filed", 1, 3)
    await backlog.hears(issue("doubtful", p_real=0.1))
    again, new = await backlog.flagged("late_delivery", "delivery", accounts=2)
    assert (new, again.item, again.flags, again.issues) == (False, item.item, 2, ("doubtful",))
    assert again.told == {"people": 3.0, "accounts": 2.0}
    await backlog.goes(again, *TO_CLOSED)
    backlog.now = NOW + 10 * DAY
    woken, new = await backlog.flagged("late_delivery", "delivery")
    assert (new, woken.item, woken.state, woken.reworked) == (False, item.item, "reopened", 1)
    await backlog.goes(woken, "in_progress", "piloting", "verified", "closed")
    backlog.now = NOW + 100 * DAY
    other, new = await backlog.flagged("late_delivery", "delivery")
    assert (new, other.ordinal, other.state) == (True, 2, "filed")


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


@pytest.mark.parametrize(
    "broken",
    [
        {"issue": ""},
        {"issue": "x" * 300},
        {"cause": "", "stage": "", "product": ""},
        {"cause": "a\x00b"},
        {"version": 0},
        {"version": 2**63},
        {"people": -1},
        {"people": 2**40},
        {"onset": -5},
        {"detected_at": 2**62},
        {"p_real": 1.5},
        {"expected": -1.0},
    ],
)
async def test_an_event_that_breaks_a_rule_is_refused_whole(
    backlog: Backlog, issue: Make, broken: dict[str, Any]
) -> None:
    with pytest.raises(Unusable):
        await backlog.hears(issue("good"), issue(**broken))
    assert await backlog.items() == []


async def test_nonsense_in_the_evidence_is_data_and_counts_for_nothing(
    backlog: Backlog, issue: Make
) -> None:
    evidence: dict[str, Any] = {
        "excess_per_day": "many",
        "accounts": True,
        "revenue": -3,
        "people": [1],
        "days_left": {"$gt": 0},
        "nps": 900,
        "title": "<script>alert(1)</script>",
    }
    await backlog.hears(issue(evidence=evidence))
    item = await backlog.item()
    assert item.nps is None
    terms = {t.name: t.value for t in item.terms}
    assert (terms["excess_contacts_per_day"], terms["new_accounts_per_day"]) == (10.0, None)
    async with backlog.database.transaction() as tx:
        (kept,) = (await items.view(tx, backlog.tenant, item.item)).issues
    assert kept.evidence == evidence
    assert "script" not in msgspec.json.encode(item).decode()
