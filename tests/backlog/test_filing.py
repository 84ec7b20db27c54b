"""From hot issues to items: one open per subject, evidence added, owners found, everyone told."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from voc_backlog.domain.issues import Unusable
from voc_backlog.handlers import items

from tests.backlog.conftest import DAY, NOW, TO_CLOSED, Backlog, Make, closed, states


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


async def test_an_issue_that_the_data_no_longer_bear_out_takes_an_untouched_item_along(
    backlog: Backlog, issue: Make, told: Callable[[], Any]
) -> None:
    await backlog.hears(issue("i1"), issue("i2", product="app"))
    touched = await backlog.goes((await backlog.items())[1], "triaged")
    await backlog.hears(
        issue("i1", 2, state="withdrawn"), issue("i2", 2, product="app", state="withdrawn")
    )
    item = await backlog.item()
    assert (item.item, item.state, item.priority, item.people) == (touched.item, "triaged", 0.0, 0)
    assert item.terms[0].source == "no hot issue stands"
    assert [e[-1].state for i, e in (await told()).items() if i != item.item] == ["retired"]
    await backlog.hears(issue("i1", 3))
    assert [i.state for i in await backlog.items()] == ["filed", "triaged"]


async def test_history_told_today_is_not_taken_for_an_outbreak_of_today(
    backlog: Backlog, issue: Make
) -> None:
    done = await closed(backlog, issue)
    old = {"onset": NOW - 40 * DAY, "detected_at": NOW - 39 * DAY, "changed_at": NOW + 9 * DAY}
    await backlog.hears(
        issue(
            "i2",
            state="ongoing",
            evidence={"seen_at": NOW - 38 * DAY},
            p_real=1.0,
            people=90,
            **old,
        )
    )
    item = await backlog.item()
    assert (item.item, item.state, item.issues) == (done.item, "closed", ("i1", "i2"))
    assert {t.name: t.value for t in item.terms}["days"] == 7.0


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


async def test_a_flag_takes_up_what_was_withdrawn(backlog: Backlog, issue: Make) -> None:
    await backlog.hears(issue())
    was = await backlog.item()
    await backlog.is_configured(1, file_people=100)
    item, new = await backlog.flagged("late_delivery", "delivery")
    assert (new, item.item, item.state, item.issues) == (True, was.item, "filed", ("i1",))


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


@pytest.mark.parametrize("order", [1, -1])
async def test_an_outbreak_that_does_not_cease_reopens(
    backlog: Backlog, issue: Make, order: int
) -> None:
    """Also when it is told late, after the outbreak has ended."""
    done = await closed(backlog, issue)
    for days in (1, 3):
        await backlog.hears(issue(version=1 + days, state="ongoing", changed_at=NOW + days * DAY))
        assert (await backlog.item()).state == "closed", "alarms look back for some days"
    later = [
        issue(version=5, state="ongoing", changed_at=NOW + 4 * DAY),
        issue(version=6, state="resolved", changed_at=NOW + 5 * DAY),
    ]
    for version in later[::order]:
        await backlog.hears(version)
    item = await backlog.item()
    assert (item.item, item.state, item.reworked) == (done.item, "reopened", 1)


async def test_a_declined_item_wakes_if_its_outbreak_outlasts_its_sleep(
    backlog: Backlog, issue: Make
) -> None:
    await backlog.hears(issue())
    await backlog.goes(await backlog.item(), "declined", until=NOW + 30 * DAY)
    await backlog.hears(issue(version=2, state="ongoing", changed_at=NOW + 29 * DAY))
    assert (await backlog.item()).state == "declined"
    await backlog.hears(issue(version=3, state="ongoing", changed_at=NOW + 31 * DAY))
    assert (await backlog.item()).state == "reopened"


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
        "people": 1e12,
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
