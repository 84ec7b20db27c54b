"""The rank: every term shown, its source named, and the formula kept."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_backlog.domain.ground import Ground, Policy, read_policy
from voc_backlog.domain.issues import Issue
from voc_backlog.domain.items import Item, new_item
from voc_backlog.domain.priority import lead_of, number, priority

from tests.backlog.conftest import DAY, NOW

ITEM = new_item(("acme", "late", "delivery", ""), 1)
GROUND = Ground(tenant="acme", currency="EUR", settings_version=4, stated=frozenset({"margin"}))
GIVEN = {
    "excess_per_day": 30,
    "accounts": 20,
    "revenue": 10_000,
    "revenue_known_share": 0.5,
    "nps": -12.5,
}


def hot(name: str = "i1", **more: Any) -> Issue:
    base = Issue(
        tenant="acme",
        issue=name,
        cause="late",
        stage="delivery",
        product="",
        first_version=1,
        version=1,
        state="ongoing",
        onset=NOW - 10 * DAY,
        detected_at=NOW - 9 * DAY,
        changed_at=NOW,
        people=42,
        expected=2.0,
        p_real=0.8,
        people_peak=42,
        p_real_peak=0.8,
        fired_at=NOW,
        evidence=GIVEN,
    )
    return msgspec.structs.replace(base, **more)


def terms(item: Item = ITEM, lead: Issue | None = None, ground: Ground = GROUND) -> dict[str, Any]:
    found = priority(item, lead, ground)
    return {t.name: t.value for t in found.terms} | {"priority": found.value, "nps": found.nps}


def test_the_formula_by_hand():
    found = terms(lead=hot())
    # 30 contacts at 8, and 20 accounts in 10 days at 10,000 / (20 x .5) each
    assert found["cost_of_delay_per_day"] == pytest.approx(30 * 8 + 2 * 1000 * 0.7 * 0.02)
    assert found["days"] == 10, "as long again as it has lasted"
    assert found["priority"] == pytest.approx(0.8 * 268 * 10 / 5)
    assert found["nps"] == -12.5


def test_every_term_names_its_source():
    sources = {t.name: t.source for t in priority(ITEM, hot(), GROUND).terms}
    assert sources["p_real"] == "hot issue i1"
    assert sources["margin"] == "settings, version 4"
    assert sources["churn_uplift"] == "default"
    assert sources["effort_days"] == "default"
    assert all(sources.values())


def test_without_evidence_people_above_expectation_stand_for_contacts():
    found = terms(lead=hot(evidence={}))
    assert found["excess_contacts_per_day"] == 4.0
    assert (found["new_accounts_per_day"], found["mean_revenue"]) == (None, None)
    assert found["priority"] == pytest.approx(0.8 * 4 * 8 * 10 / 5)


def test_a_sliver_of_an_account_is_no_account():
    for accounts in (0, 5e-324, 1e-300):
        found = terms(lead=hot(evidence={"accounts": accounts, "revenue": 1e12}))
        assert found["mean_revenue"] is None


def test_days_are_bounded():
    assert terms(lead=hot(onset=NOW - DAY))["days"] == 7
    assert terms(lead=hot(onset=NOW - 200 * DAY))["days"] == 90
    assert terms(lead=hot(evidence={"days_left": 30}))["days"] == 30


def test_what_people_told_fills_the_gaps_only():
    item = msgspec.structs.replace(
        ITEM, flags=1, told={"excess_per_day": 5.0, "accounts": 40.0}, effort=2.0
    )
    alone = terms(item)
    assert (alone["p_real"], alone["excess_contacts_per_day"]) == (1.0, 5.0)
    assert alone["effort_days"] == 2.0
    beside = terms(item, hot(evidence={"excess_per_day": 9}, p_real=0.1))
    assert beside["p_real"] == 1.0, "a doubtful issue does not weaken a person's word"
    assert (beside["excess_contacts_per_day"], beside["new_accounts_per_day"]) == (9.0, 4.0)


def test_the_strongest_issue_that_is_not_over_speaks():
    over = hot("i9", state="resolved", detected_at=NOW, people=900)
    doubtful = hot("i8", detected_at=NOW, p_real=0.1, people=100)
    assert lead_of([hot("i1"), doubtful, over]) == hot("i1")
    assert lead_of([hot("i1"), over]) == hot("i1")
    assert lead_of([over]) == over
    assert lead_of([]) is None
    assert lead_of([hot(state="withdrawn")]) is None
    assert terms()["p_real"] == 0.0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
names = st.sampled_from(
    ["excess_per_day", "accounts", "revenue", "revenue_known_share", "days_left", "nps", "people"]
)


@given(
    evidence=st.dictionaries(names, anything),
    people=st.integers(0, 2**31 - 1),
    lasted=st.integers(-10, 4000),
    effort=st.just(0.0) | st.floats(0.01, 3650),
)
def test_whatever_the_evidence_says_the_rank_is_a_number_and_the_terms_make_it(
    evidence: dict[str, Any], people: int, lasted: int, effort: float
):
    lead = hot(evidence=evidence, people=people, onset=NOW - lasted * DAY)
    found = terms(msgspec.structs.replace(ITEM, effort=effort), lead)
    t = {k: v or 0.0 for k, v in found.items()}
    delay = t["excess_contacts_per_day"] * t["cost_per_contact"] + (
        t["new_accounts_per_day"] * t["mean_revenue"] * t["margin"] * t["churn_uplift"]
    )
    assert t["cost_of_delay_per_day"] == pytest.approx(delay, abs=1e-3)
    rank = t["p_real"] * t["cost_of_delay_per_day"] * t["days"] / t["effort_days"]
    assert 0 <= t["priority"] == pytest.approx(rank, abs=0.01)
    assert 7 <= t["days"] <= 90
    msgspec.json.encode(found)


@given(st.dictionaries(names, anything))
def test_numbers_of_the_evidence_are_finite_and_never_negative(evidence: dict[str, Any]):
    for name in evidence:
        found = number(evidence, name)
        assert found is None or 0 <= found <= 1e12


@given(st.dictionaries(st.sampled_from(Policy.__struct_fields__), anything))
def test_a_policy_can_be_read_from_any_settings(settings: dict[str, Any]):
    policy, stated, ignored = read_policy(settings)
    assert stated | set(ignored) == set(settings)
    assert not stated & set(ignored)
    for name in set(Policy.__struct_fields__) - stated:
        assert getattr(policy, name) == getattr(Policy(), name)
    msgspec.convert(msgspec.to_builtins(policy), Policy)
