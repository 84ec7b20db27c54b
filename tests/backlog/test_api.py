"""The API as its callers use it: flag, look, take steps, assign, route, and be told of conflicts."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from voc_backlog.handlers import events
from voc_common.events import CauseNode, HotIssueChanged, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Database

Make = Callable[..., HotIssueChanged]
SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()


@pytest.fixture
def client(desk: Any, tenant: str) -> httpx.AsyncClient:
    return desk.client(tenant)


async def hears(database: Database, *told: HotIssueChanged) -> None:
    await database.retried(lambda tx: events.hot_issue_changed(tx, list(told)))


async def flag(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/items", json={"cause": "late", **body})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def moved(client: httpx.AsyncClient, item: dict[str, Any], *states: str) -> dict[str, Any]:
    for state in states:
        needs = {a["to"]: a["needs"] for a in item["actions"]}[state]
        given = {"why": "because", "until": SOON, "verification": "numbers fell"}
        answer = await client.post(
            f"/v1/items/{item['item']}/transitions",
            json={"to": state} | {n: given[n] for n in needs},
            headers={"If-Match": f'"{item["version"]}"'},
        )
        assert answer.status_code == 200, answer.text
        item = answer.json()
    return item


async def test_an_item_from_a_hot_issue_shows_evidence_owner_and_every_term(
    client: httpx.AsyncClient, database: Database, issue: Make
) -> None:
    await hears(database, issue(evidence={"excess_per_day": 25, "quote": "<b>where is it?</b>"}))
    (listed,) = (await client.get("/v1/items")).json()["items"]
    answer = await client.get(f"/v1/items/{listed['item']}")
    assert answer.headers["etag"] == '"1"'
    item = answer.json()
    assert {k: item[k] for k in listed} == listed
    assert (item["state"], item["owner"], item["owner_from"], item["flags"]) == (
        "filed",
        "customer-experience",
        "fallback",
        0,
    )
    terms = {t["name"]: t["value"] for t in item["priority"]["terms"]}
    assert terms["excess_contacts_per_day"] == 25
    assert item["priority"]["value"] == pytest.approx(0.9 * 25 * 8 * 7 / 5)
    assert item["priority"]["currency"] == "EUR"
    (evidence,) = item["evidence"]
    assert evidence["evidence"]["quote"] == "<b>where is it?</b>"
    assert item["trail"][0]["why"] == "hot issue i1 is new"
    assert [(a["to"], a["needs"]) for a in item["actions"]] == [
        ("triaged", []),
        ("declined", ["why", "until"]),
        ("retired", ["why"]),
    ]


async def test_from_flag_to_closed(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/items",
        json={
            "cause": "late",
            "stage": "delivery",
            "note": "Three callers this morning",
            "evidence": {"people": 3, "excess_per_day": 4},
            "title": "South depot",
            "owner": "lea",
            "effort_days": 2,
            "due_at": SOON,
        },
    )
    assert answer.status_code == 201
    item = answer.json()
    assert answer.headers["location"] == f"/v1/items/{item['item']}"
    assert (item["title"], item["owner"], item["owner_from"]) == ("South depot", "lea", "person")
    assert (item["effort_days"], item["people"], item["flags"]) == (2.0, 3, 1)
    assert item["priority"]["value"] == pytest.approx(4 * 8 * 7 / 2)
    item = await moved(client, item, "triaged", "in_progress", "piloting", "verified", "closed")
    assert (item["state"], item["verification"]) == ("closed", "numbers fell")
    assert item["actions"] == [{"to": "reopened", "needs": ["why"]}]
    assert (await client.get("/v1/items")).json()["items"] == []
    shown = (await client.get("/v1/items", params={"state": "closed"})).json()["items"]
    assert [i["item"] for i in shown] == [item["item"]]
    view = (await client.get(f"/v1/items/{item['item']}")).json()
    assert view["flagged"][0]["note"] == "Three callers this morning"
    assert [t["to_state"] for t in view["trail"]] == [
        "closed", "verified", "piloting", "in_progress", "triaged", "filed",
    ]  # fmt: skip


async def test_the_largest_numbers_that_are_let_in_can_be_kept(client: httpx.AsyncClient) -> None:
    most = dict.fromkeys(("people", "excess_per_day", "accounts", "revenue", "days_left"), 1e12)
    item = await flag(client, evidence=most | {"revenue_known_share": 1}, effort_days=0.01)
    assert item["people"] == 10**12
    assert item["priority"]["value"] > 0
    tiny = await flag(client, cause="tiny", evidence={"accounts": 1e-320, "revenue": 1e12})
    assert tiny["priority"]["value"] == 0


async def test_closing_needs_a_verification(client: httpx.AsyncClient) -> None:
    item = await flag(client)
    item = await moved(client, item, "triaged", "in_progress", "piloting", "verified")
    place = f"/v1/items/{item['item']}/transitions"
    for verification in ({}, {"verification": "  \n"}):
        body = {"to": "closed", "version": item["version"], **verification}
        answer = await client.post(place, json=body)
        assert answer.status_code == 422
        assert "how it was verified" in answer.json()["detail"]
    early = await client.post("/v1/items", json={"cause": "other"})
    body = {"to": "closed", "version": 1, "verification": "trust me"}
    answer = await client.post(f"/v1/items/{early.json()['item']}/transitions", json=body)
    assert answer.status_code == 409


async def test_a_verification_given_with_an_earlier_step_counts(client: httpx.AsyncClient) -> None:
    item = await moved(client, await flag(client), "triaged", "in_progress", "piloting")
    answer = await client.post(
        f"/v1/items/{item['item']}/transitions",
        json={"to": "verified", "verification": "two weeks quiet", "version": item["version"]},
    )
    offered = {a["to"]: a["needs"] for a in answer.json()["actions"]}
    assert offered["closed"] == []
    closed = await moved(client, answer.json(), "rolled_out", "closed")
    assert closed["verification"] == "two weeks quiet"


async def test_who_changes_something_says_what_they_have_seen(client: httpx.AsyncClient) -> None:
    item = await flag(client)
    place = f"/v1/items/{item['item']}"
    step = {"to": "triaged"}
    answer = await client.post(f"{place}/transitions", json=step)
    assert (answer.status_code, answer.json()["title"]) == (428, "Precondition required")
    assert (await client.patch(place, json={"owner": "lea"})).status_code == 428
    now = await client.patch(place, json={"owner": "lea"}, headers={"If-Match": '"1"'})
    assert (now.status_code, now.headers["etag"]) == (200, '"2"')
    by_header = await client.post(f"{place}/transitions", json=step, headers={"If-Match": '"1"'})
    by_body = await client.post(f"{place}/transitions", json=step | {"version": 1})
    assert (by_header.status_code, by_body.status_code) == (412, 409)
    for answer in (by_header, by_body):
        assert answer.json()["current"] == now.json(), "the caller sees what it is now"
    for seen in ("3", "99"):
        ahead = await client.post(f"{place}/transitions", json=step, headers={"If-Match": seen})
        assert ahead.status_code == 412, "a version that is not there yet"
    both = await client.post(
        f"{place}/transitions", json=step | {"version": 1}, headers={"If-Match": '"2"'}
    )
    assert both.status_code == 400
    assert (await client.get(place)).json()["version"] == 2


async def test_evidence_meanwhile_is_no_conflict(
    client: httpx.AsyncClient, database: Database, issue: Make
) -> None:
    await hears(database, issue())
    (item,) = (await client.get("/v1/items")).json()["items"]
    await hears(database, issue(version=2, people=90), issue("i2"))
    item = await moved(client, item, "triaged")
    assert (item["version"], item["people"]) == (3, 90)


async def test_of_two_at_once_one_is_told(client: httpx.AsyncClient) -> None:
    import asyncio

    item = await flag(client)
    answers = await asyncio.gather(
        *(
            client.patch(
                f"/v1/items/{item['item']}", json={"owner": f"o{n}"}, headers={"If-Match": '"1"'}
            )
            for n in range(6)
        )
    )
    assert sorted(a.status_code for a in answers) == [200, 412, 412, 412, 412, 412]
    (winner,) = [a.json() for a in answers if a.status_code == 200]
    assert (await client.get(f"/v1/items/{item['item']}")).json()["owner"] == winner["owner"]


async def test_a_person_s_word_stays_until_it_is_taken_back(
    client: httpx.AsyncClient, database: Database, tenant: str
) -> None:
    node = CauseNode("late", "Late delivery", owner="logistics")
    event = TaxonomyPublished(tenant=tenant, version=1, nodes=(node,), published_at=1)
    await database.retried(lambda tx: events.taxonomy_published(tx, [event]))
    item = await flag(client)
    place = f"/v1/items/{item['item']}"
    assert (item["owner"], item["title"]) == ("logistics", "Late delivery")
    mine = {
        "owner": "lea",
        "title": "Depot",
        "effort_days": 0.5,
        "due_at": "2027-01-02T10:00:00+02:00",
    }
    changed = await client.patch(place, json=mine | {"version": 1, "why": "planned"})
    item = changed.json()
    assert (item["owner"], item["title"], item["effort_days"]) == ("lea", "Depot", 0.5)
    assert item["due_at"] == "2027-01-02T08:00:00Z"
    back = dict.fromkeys(mine) | {"version": item["version"]}
    item = (await client.patch(place, json=back)).json()
    assert (item["owner"], item["title"], item["effort_days"], item["due_at"]) == (
        "logistics", "Late delivery", None, None,
    )  # fmt: skip
    trail = (await client.get(f"{place}/trail")).json()["items"]
    assert trail[1]["why"] == "planned"
    assert trail[1]["changes"]["owner"] == ["logistics", "lea"]
    nothing = await client.patch(place, json={"version": item["version"]})
    assert nothing.status_code == 422


async def test_the_list_is_ranked_filtered_and_paged(client: httpx.AsyncClient) -> None:
    made = [
        await flag(
            client,
            cause=f"c{n}",
            stage="trial" if n % 2 else "support",
            evidence={"excess_per_day": n % 5},
            owner="lea" if n % 3 else "kai",
        )
        for n in range(13)
    ]
    ranked = sorted(made, key=lambda i: (-i["priority"]["value"], i["item"]))
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/items", params=params)).json()
        seen += [i["item"] for i in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [i["item"] for i in ranked]

    async def found(**params: Any) -> set[str]:
        answer = await client.get("/v1/items", params=params)
        return {i["cause"] for i in answer.json()["items"]}

    assert await found(owner="kai") == {"c0", "c3", "c6", "c9", "c12"}
    assert await found(stage="trial", owner="lea") == {"c1", "c5", "c7", "c11"}
    await moved(client, made[1], "declined")
    assert await found(state=["declined"]) == {"c1"}
    assert await found(state=["declined", "filed"], stage="trial") == {
        f"c{n}" for n in range(1, 13, 2)
    }


async def test_routes_are_versions_and_open_items_follow(client: httpx.AsyncClient) -> None:
    first, second = await flag(client, cause="late"), await flag(client, cause="lost")
    done = await moved(client, await flag(client, cause="old"), "retired")
    empty = await client.get("/v1/routes")
    assert (empty.json()["version"], empty.json()["routes"]) == (0, [])
    routes = [{"owner": "ops"}, {"owner": "depot", "cause": "late"}]
    assert (await client.put("/v1/routes", json={"routes": routes})).status_code == 428
    put = await client.put("/v1/routes", json={"routes": routes}, headers={"If-Match": '"0"'})
    assert (put.status_code, put.json()["version"], put.headers["etag"]) == (200, 1, '"1"')
    assert put.json()["made_by"] == "kim"

    async def owners() -> list[tuple[str, str]]:
        got = [(await client.get(f"/v1/items/{i['item']}")).json() for i in (first, second, done)]
        return [(g["owner"], g["owner_from"]) for g in got]

    assert await owners() == [
        ("depot", "route"),
        ("ops", "route"),
        ("customer-experience", "fallback"),
    ]
    stale = await client.put("/v1/routes", json={"routes": [], "version": 0})
    assert (stale.status_code, stale.json()["current"]["version"]) == (409, 1)
    await client.put("/v1/routes", json={"routes": [], "version": 1})
    assert {o for o, _ in await owners()} == {"customer-experience"}
    old = (await client.get("/v1/routes", params={"version": 1})).json()
    assert old["routes"][1] == {"owner": "depot", "cause": "late", "stage": "", "product": ""}
    assert (await client.get("/v1/routes", params={"version": 7})).status_code == 404


async def test_the_policy_shows_what_is_stated_and_what_was_ignored(
    client: httpx.AsyncClient, database: Database, tenant: str
) -> None:
    settings = {"cost_per_contact": 12, "margin": 7, "redact": True}
    event = TenantConfigured(tenant=tenant, version=3, currency="USD", settings=settings)
    await database.retried(lambda tx: events.tenant_configured(tx, [event]))
    policy = (await client.get("/v1/policy")).json()
    assert (policy["settings_version"], policy["currency"], policy["stated"]) == (
        3,
        "USD",
        ["cost_per_contact"],
    )
    assert list(policy["ignored"]) == ["margin"]
    assert policy["policy"]["margin"] == 0.7
    item = await flag(client, evidence={"excess_per_day": 1})
    assert item["priority"]["currency"] == "USD"
    assert item["priority"]["weights_version"] == 3


async def test_who_may_only_read_is_offered_nothing(desk: Any, tenant: str) -> None:
    item = await flag(desk.client(tenant))
    reader = desk.client(tenant, "backlog:read")
    shown = (await reader.get(f"/v1/items/{item['item']}")).json()
    assert (shown["actions"], shown["editable"]) == ([], False)
    writer = desk.client(tenant, "backlog:write")
    assert (await writer.get("/v1/items")).status_code == 403


async def test_an_older_item_is_not_offered_to_be_opened_beside_an_open_one(
    client: httpx.AsyncClient,
) -> None:
    old = await moved(client, await flag(client), "retired")
    new = await flag(client)
    assert new["item"] != old["item"]
    shown = (await client.get(f"/v1/items/{old['item']}")).json()
    assert shown["actions"] == []
    answer = await client.post(
        f"/v1/items/{old['item']}/transitions",
        json={"to": "reopened", "why": "x", "version": shown["version"]},
    )
    assert answer.status_code == 409
    assert new["item"] in answer.json()["detail"]


async def test_it_is_ready_and_documents_itself(client: httpx.AsyncClient) -> None:
    ready = (await client.get("/readyz")).json()
    assert ready == {"status": "ready", "schema": "0001", "pid": os.getpid()}
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) >= {
        "/v1/items",
        "/v1/items/{item}",
        "/v1/items/{item}/trail",
        "/v1/items/{item}/transitions",
        "/v1/routes",
        "/v1/policy",
    }
