"""The demo company: the same for a seed, believable in its numbers, silent about its truth."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from voc_cli.company import Company, company, is_activity, key_of, restamped
from voc_cli.company.phrases import BOOK

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SEEDS = (3, 4, 5)
STARTER = Path(__file__).parents[2] / "services/taxonomy/voc_taxonomy/starter/taxonomy.json"
FIELDS = {
    "source", "id", "kind", "created_at", "updated_at", "channel", "text", "score", "identifiers",
    "product", "team", "segment", "attributes",
}  # fmt: skip


@pytest.fixture(scope="module", params=SEEDS)
def made(request: pytest.FixtureRequest) -> Company:
    return company(request.param, NOW)


def moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["created_at"])


def feedback(made: Company) -> list[dict[str, Any]]:
    """One event per record of feedback, edits left out."""
    return [e for e in made.history if not is_activity(e) and "updated_at" not in e]


def test_same_seed_same_company() -> None:
    one, two = company(11, NOW), company(11, NOW)
    assert one.history == two.history
    assert one.live == two.live
    assert one.truth == two.truth


def test_other_seed_other_company_and_other_faults() -> None:
    one, two = company(11, NOW), company(12, NOW)
    assert one.history != two.history
    assert [(o.cause, o.onset) for o in one.truth.outbreaks] != [
        (o.cause, o.onset) for o in two.truth.outbreaks
    ]


def test_too_small_a_company_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2,000"):
        company(1, NOW, 1_000)


def test_events_are_about_as_many_as_asked_for_and_in_order(made: Company) -> None:
    assert len(made.history) + len(made.live) == pytest.approx(10_000, rel=0.015)
    for part in (made.history, made.live):
        stamps = [e.get("updated_at", e["created_at"]) for e in part]
        assert stamps == sorted(stamps)
    assert all(made.start <= moment(e) < NOW for e in made.history)
    assert all(NOW <= moment(e) <= NOW + timedelta(minutes=12) for e in made.live)


def test_weeks_and_days_have_their_rhythm(made: Company) -> None:
    calm = [e for e in feedback(made) if not in_campaign(made, moment(e))]
    local = [moment(e).astimezone(ZoneInfo(made.zone)) for e in calm]
    weekday = sum(t.weekday() < 5 for t in local) / 5
    weekend = sum(t.weekday() >= 5 for t in local) / 2
    assert 1.8 < weekday / weekend < 4
    hours = Counter(t.hour for t in local)
    assert hours[10] > 8 * hours[3]


def in_campaign(made: Company, at: datetime) -> bool:
    return made.truth.campaign.start <= at < made.truth.campaign.end


def test_campaign_raises_volume_and_the_slow_fault_hides_in_a_lull(made: Company) -> None:
    slow = next(o for o in made.truth.outbreaks if o.name == "slow")
    zone = ZoneInfo(made.zone)
    pushed: defaultdict[int, list[int]] = defaultdict(list)
    quiet: defaultdict[int, list[int]] = defaultdict(list)
    usual: defaultdict[int, list[int]] = defaultdict(list)
    counts = Counter(moment(e).astimezone(zone).date() for e in feedback(made))
    own = Counter(
        moment(e).astimezone(zone).date() for e in feedback(made) if key_of(e) in set(slow.records)
    )
    for day, count in counts.items():
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
        into = pushed if in_campaign(made, noon) else usual
        if slow.onset + timedelta(days=1) < noon < min(slow.end, NOW):
            into = quiet
        into[day.weekday()].append(count - own[day])

    def level(part: dict[int, list[int]]) -> float:
        ratios = [
            n / (sum(usual[d]) / len(usual[d])) for d, ns in part.items() for n in ns if d in usual
        ]
        return sum(ratios) / len(ratios)

    assert level(pushed) > 1.2
    assert level(quiet) < 0.95


def test_events_say_nothing_of_the_truth(made: Company) -> None:
    for event in (*made.history, *made.live):
        assert set(event) <= FIELDS
        plain = json.dumps({k: v for k, v in event.items() if k not in {"text", "attributes"}})
        for cause in BOOK:
            assert f'"{cause}"' not in plain
        for word in ("outbreak", "fault", "truth"):
            assert word not in plain
        assert not set(event.get("attributes", {})) & {"cause", "person", "label"}


def test_no_number_gives_an_outbreak_away(made: Company) -> None:
    for outbreak in made.truth.outbreaks:
        tickets = sorted(int(k.id.split("-")[1]) for k in outbreak.records if k.kind == "ticket")
        runs = sum(b - a == 1 for a, b in pairwise(tickets))
        assert runs < 0.7 * len(tickets)


def test_truth_covers_every_record_and_nothing_else(made: Company) -> None:
    keys = {key_of(e) for e in (*made.history, *made.live)}
    assert keys == set(made.truth.causes) == set(made.truth.persons)
    named = {c for causes in made.truth.causes.values() for c in causes}
    assert named == set(BOOK)


def test_outbreaks_are_what_they_are_said_to_be(made: Company) -> None:
    events = {key_of(e): e for e in made.history if "updated_at" not in e}
    fast, slow = made.truth.outbreaks
    assert (fast.name, slow.name) == ("fast", "slow")
    assert fast.cause != slow.cause
    for outbreak in (fast, slow):
        assert made.start + timedelta(days=15) < outbreak.onset < NOW - timedelta(hours=48)
        assert len(outbreak.records) >= 20
        told = [events[k] for k in outbreak.records]
        assert all(made.truth.causes[k] == (outbreak.cause,) for k in outbreak.records)
        assert all(moment(e) >= outbreak.onset - timedelta(seconds=1) for e in told)
        people = {made.truth.persons[k] for k in outbreak.records}
        assert len(people) > 0.7 * len(outbreak.records)
        assert len({e["text"] for e in told}) > 0.85 * len(told)
    told = [events[k] for k in slow.records]
    assert {(e["segment"], e["product"]) for e in told} == {(slow.segment, slow.product)}
    assert slow.end - slow.onset > timedelta(days=4)
    assert fast.end - fast.onset < timedelta(hours=41)


def test_people_appear_under_several_identifiers(made: Company) -> None:
    kinds: defaultdict[int, set[str]] = defaultdict(set)
    sources: defaultdict[int, set[str]] = defaultdict(set)
    owners: defaultdict[str, set[int]] = defaultdict(set)
    for event in made.history:
        person = made.truth.persons[key_of(event)]
        sources[person].add(event["source"])
        for identifier in event["identifiers"]:
            kinds[person].add(identifier["type"])
            if identifier["type"] in {"email", "phone"}:
                owners[identifier["value"]].add(person)
    assert sum(len(s) >= 3 for s in sources.values()) > 400
    assert sum({"email", "phone", "external"} <= k for k in kinds.values()) > 400
    shared = {value for value, people in owners.items() if len(people) > 1}
    assert sum("@" in value for value in shared) >= 5
    assert sum("@" not in value for value in shared) >= 10


def test_relatives_who_share_are_two_people_of_one_surname(made: Company) -> None:
    by_phone: defaultdict[str, list[Any]] = defaultdict(list)
    for person in made.customers.people:
        by_phone[person.phone].append(person)
    pairs = [people for people in by_phone.values() if len(people) > 1]
    assert len(pairs) > 50
    for one, two in pairs:
        assert one.family == two.family
        assert one.given != two.given
        assert one.account is two.account


def test_accounts_have_revenue(made: Company) -> None:
    paid = [e for e in made.history if e["kind"] == "subscription"]
    assert all(is_activity(e) for e in paid)
    assert all(
        e["attributes"]["mrr"] >= 0 and e["attributes"]["currency"] == made.currency for e in paid
    )
    assert {made.truth.accounts[key_of(e)] for e in paid} == {a.id for a in made.customers.accounts}
    named = Counter(i["type"] for e in paid for i in e["identifiers"])
    assert named["account"] == named["email"] == named["phone"] == len(paid)


def test_scores_carry_their_scale_and_follow_the_mood(made: Company) -> None:
    answers = [e for e in made.history if e["kind"] == "answer"]
    assert all(e["score"]["kind"] == "NPS" and 0 <= e["score"]["value"] <= 10 for e in answers)
    stars = [e for e in made.history if e["kind"] == "review"]
    assert all(1 <= e["score"]["value"] <= 5 and e["product"] == "mobile app" for e in stars)

    def mean(kind: str) -> float:
        values = [
            e["score"]["value"]
            for e in answers
            if any(
                c.startswith("praise") == (kind == "praise") for c in made.truth.causes[key_of(e)]
            )
        ]
        return sum(values) / len(values)

    assert mean("praise") > mean("other") + 2


def test_wrong_merge_would_be_wrong_and_would_show(made: Company) -> None:
    merge = made.truth.wrong_merge
    people = {p.number: p for p in made.customers.people}
    keep, other = people[merge.keep], people[merge.other]
    assert keep.name == other.name == merge.name
    assert keep.account is other.account
    mine: dict[int, list[dict[str, Any]]] = {merge.keep: [], merge.other: []}
    for event in made.history:
        person = made.truth.persons[key_of(event)]
        if person in mine and not is_activity(event):
            mine[person].append(event)
    hard: list[set[str]] = [
        {
            i["value"].lower()
            for e in mine[n]
            for i in e["identifiers"]
            if i["type"] in {"email", "phone", "external"}
        }
        for n in mine
    ]
    assert hard[0]
    assert hard[1]
    assert not hard[0] & hard[1]
    assert merge.keep_identifier["value"] in hard[0]
    assert merge.other_identifier["value"] in hard[1]
    outbreak = next(o for o in made.truth.outbreaks if o.name == merge.outbreak)
    days: list[set[Any]] = []
    for number in mine:
        answers = [e for e in mine[number] if e["kind"] == "answer"]
        assert len(answers) == 1
        assert NOW - moment(answers[0]) < timedelta(days=6)
        told = [e for e in mine[number] if key_of(e) in set(outbreak.records)]
        assert told
        days.append({moment(e).astimezone(ZoneInfo(made.zone)).date() for e in told})
    assert days[0] == days[1]
    assert {e["score"]["value"] for n in mine for e in mine[n] if e["kind"] == "answer"} == {1, 10}


def test_some_records_come_again_changed(made: Company) -> None:
    edits = [e for e in made.history if "updated_at" in e]
    first = {key_of(e): e for e in made.history if "updated_at" not in e}
    assert 50 < len(edits) < 400
    for edit in edits:
        assert edit["text"].startswith(first[key_of(edit)]["text"])
        assert edit["updated_at"] > edit["created_at"] == first[key_of(edit)]["created_at"]


def test_restamped_moves_the_time_and_nothing_else(made: Company) -> None:
    event = made.live[0]
    later = restamped(event, NOW + timedelta(hours=3))
    assert later["created_at"] == "2026-11-20T18:00:00Z"
    assert {k: v for k, v in later.items() if k != "created_at"} == {
        k: v for k, v in event.items() if k != "created_at"
    }


def test_phrases_name_causes_of_the_starter_taxonomy_in_several_ways() -> None:
    nodes = {n["id"] for n in json.loads(STARTER.read_text())["nodes"]}
    assert set(BOOK) <= nodes
    assert len(BOOK) >= 25
    for cause, entry in BOOK.items():
        assert len(set(entry.lines)) >= (8 if entry.breaks else 6), cause
        assert any("{" in line for line in entry.lines), cause
