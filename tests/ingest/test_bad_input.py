"""What the door refuses: each with its status, as problem+json, and nothing is stored."""

import asyncio
from typing import Any

import httpx
import pytest
from voc_common.auth import SCOPES
from voc_common.postgres.database import DatabaseAway

GOOD = {"source": "helpdesk", "id": "1", "kind": "ticket", "text": "hello"}


def is_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"items": 1}', 422),
        (b'{"items": []}', 422),
        (b'{"items": [], "more": 1}', 422),
        (b'{"items": [' + b",".join([b"{}"] * 1001) + b"]}", 422),
        (b"\xff\xfe{\x00}\x00", 415),
        (b"[" * 100_000, 422),
        (b'{"items": [' + b"[" * 100_000, 422),
        (b" " * (8 * 1024 * 1024 + 1), 413),
    ],
)
async def test_a_body_that_is_no_batch(house: Any, body: bytes, status: int) -> None:
    tenant = await house.tenant()
    for path in ("/v1/feedback/batch", "/v1/activity/batch"):
        headers = {"content-type": "application/json"}
        is_problem(await tenant.client.post(path, content=body, headers=headers), status)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"source": "../x"},
        {"source": "nowhere"},
        {"source": "Help desk"},
        {"id": ""},
        {"id": "x" * 513},
        {"kind": "Ticket!"},
        {"kind": "ticket\n"},
        {"kind": ""},
        {"kind": "x" * 65},
        {"kind": None},
        {"created_at": "yesterday"},
        {"created_at": "2025-01-01T00:00:00"},
        {"created_at": 1735689600},
        {"text": None},
        {"text": " "},
        {"channel": "x" * 129},
        {"score": {"value": 5}},
        {"score": {"value": 50, "min": 0, "max": 10, "kind": "NPS"}},
        {"identifiers": [{"type": "shoe size", "value": "42"}]},
        {"identifiers": [{"type": "email", "value": "a"}] * 33},
        {"stakeholder": "alien"},
        {"attributes": []},
        {"product": "nul\x00"},
    ],
)
async def test_an_item_that_breaks_a_rule(house: Any, change: dict[str, Any]) -> None:
    tenant = await house.tenant()
    item = GOOD | change
    is_problem(await tenant.client.post("/v1/feedback", json=item), 422)
    assert await tenant.statuses(item, GOOD) == ["rejected", "accepted"]
    rows = await house.rows(
        "select count(*) as n from ingest.archive where tenant = :t", t=tenant.name
    )
    assert rows[0].n == 1


async def test_a_name_of_other_characters_is_told_which_it_may_have(house: Any) -> None:
    tenant = await house.tenant()
    for name in ("source", "kind"):
        answer = await tenant.client.post("/v1/feedback", json=GOOD | {name: "No Slug"})
        assert answer.json()["detail"] == f"{name} must match ^[a-z0-9][a-z0-9_.-]{{0,63}}$"


async def test_deep_or_broken_json_in_one_item_stays_with_it(house: Any) -> None:
    tenant = await house.tenant()
    deep = b'{"source":"helpdesk","id":"2","kind":"ticket","text":"x","attributes":{"a":'
    good = b'{"source":"helpdesk","id":"1","kind":"ticket","text":"x"}'
    for bad in (
        deep + b"[" * 2000 + b"]" * 2000 + b"}}",
        b'{"source":"helpdesk","id":"2","kind":"ticket","text":"\xff\xfe"}',
        rb'{"source":"helpdesk","id":"2","kind":"ticket","text":"lone \ud800 x"}',
    ):
        answer = await tenant.client.post(
            "/v1/feedback/batch",
            content=b'{"items":[' + bad + b"," + good + b"]}",
            headers={"content-type": "application/json"},
        )
        if answer.status_code == 202:
            assert [r["status"] for r in answer.json()["results"]] == ["rejected", "accepted"]
        else:
            is_problem(answer, 422)


async def test_other_media_types_are_refused(house: Any) -> None:
    tenant = await house.tenant()
    for path in ("/v1/feedback", "/v1/feedback/batch", "/v1/activity", "/v1/activity/batch"):
        for given in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
            answer = await tenant.client.post(path, content=b"{}", headers={"content-type": given})
            is_problem(answer, 415)


ROUTES = [
    ("POST", "/v1/feedback", "feedback:write"),
    ("POST", "/v1/feedback/batch", "feedback:write"),
    ("POST", "/v1/activity", "feedback:write"),
    ("POST", "/v1/activity/batch", "feedback:write"),
    ("GET", "/v1/sources", "sources:write"),
    ("GET", "/v1/sources/helpdesk", "sources:write"),
    ("PUT", "/v1/sources/helpdesk", "sources:write"),
    ("DELETE", "/v1/sources/helpdesk", "sources:write"),
    ("POST", "/v1/loads", "sources:write"),
    ("GET", "/v1/loads", "sources:write"),
    ("GET", "/v1/loads/" + "0" * 24, "sources:write"),
    ("POST", f"/v1/loads/{'0' * 24}/complete", "sources:write"),
    ("POST", "/v1/replays", "sources:write"),
    ("GET", "/v1/replays", "sources:write"),
    ("GET", "/v1/replays/" + "0" * 24, "sources:write"),
    ("GET", "/v1/records/" + "0" * 32, "text:read"),
    ("GET", "/v1/tenants/acme", "sources:write"),
    ("PUT", "/v1/tenants/acme", "sources:write"),
    ("GET", "/v1/dead-letters", "operations"),
    ("POST", "/v1/dead-letters/replay", "operations"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_no_route_opens_without_its_scope(
    house: Any, method: str, path: str, scope: str
) -> None:
    tenant = await house.tenant()
    others = [s for s in SCOPES if s not in (scope, "tenants:admin")]
    is_problem(await house.client(tenant.name, *others).request(method, path, json={}), 403)
    is_problem(await house.client(tenant.name, scope, seconds=-5).request(method, path), 401)
    nobody = house.client(tenant.name, scope)
    nobody.headers["Authorization"] = nobody.headers["Authorization"][:-6] + "AAAAAA"
    is_problem(await nobody.request(method, path), 401)
    del nobody.headers["Authorization"]
    is_problem(await nobody.request(method, path), 401)


async def test_every_documented_route_is_in_the_table(house: Any) -> None:
    document = house.app.openapi()
    found = {
        (method.upper(), path.count("/"), path.split("{")[0])
        for path, methods in document["paths"].items()
        for method in methods
    }
    listed = {
        (method, path.count("/"), path.split("0")[0].replace("acme", "").replace("helpdesk", ""))
        for method, path, _ in ROUTES
    }
    assert found == listed
    for name in ("FeedbackBatch", "ActivityBatch", "FeedbackItem", "Result", "Problem"):
        assert name in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/tenants/{t}", {"zone": "Mars/Olympus"}),
        ("PUT", "/v1/tenants/{t}", {"zone": "../../etc/passwd"}),
        ("PUT", "/v1/tenants/{t}", {"currency": "euro"}),
        ("PUT", "/v1/tenants/{t}", {"settings": {"rate": "fast"}}),
        ("PUT", "/v1/tenants/{t}", {"settings": {"a": "nul\x00"}}),
        ("PUT", "/v1/tenants/{t}", {"blocked": ["nul\x00"]}),
        ("PUT", "/v1/tenants/{t}", {"surprise": 1}),
        ("PUT", "/v1/tenants/T%20!", {}),
        ("PUT", "/v1/sources/helpdesk", {"title": "nul\x00"}),
        ("PUT", "/v1/sources/helpdesk", {"unverified": ["shoe size"]}),
        ("PUT", "/v1/sources/helpdesk", {"surprise": 1}),
        ("PUT", "/v1/sources/Help%20Desk", {}),
        ("POST", "/v1/loads", {"source": "nul\x00"}),
        ("POST", "/v1/loads", {"source": "nowhere"}),
        ("POST", "/v1/loads", {}),
        ("GET", "/v1/loads/zzz", None),
        ("POST", "/v1/replays", {"since": "2025-01-01T00:00:00"}),
        ("POST", "/v1/replays", {"source": "nowhere"}),
        ("POST", "/v1/replays", {"surprise": 1}),
        ("GET", "/v1/replays/zzz", None),
        ("GET", "/v1/records/zzz", None),
        ("GET", "/v1/sources?limit=0", None),
        ("GET", "/v1/loads?limit=1000", None),
    ],
)
async def test_bad_values_are_422(house: Any, method: str, path: str, body: Any) -> None:
    tenant = await house.tenant()
    is_problem(
        await tenant.client.request(method, path.replace("{t}", tenant.name), json=body), 422
    )


@pytest.mark.parametrize("path", ["/v1/sources", "/v1/loads", "/v1/replays"])
async def test_a_cursor_that_is_not_ours_is_400(house: Any, path: str) -> None:
    tenant = await house.tenant()
    for cursor in ("x", "bm8", "WzFd", "WyJcdTAwMDAiXQ"):
        is_problem(await tenant.client.get(path, params={"cursor": cursor}), 400)


async def test_other_tenants_rows_are_not_there_for_the_api_role(house: Any, ticket: Any) -> None:
    one, other = await house.tenant(), await house.tenant()
    await one.post(ticket(1))
    database = house.app.state.voc.database
    for table in ("tenant", "source", "source_count", "record", "archive", "pending", "load"):
        async with database.transaction(other.name) as tx:
            rows = await tx.rows(
                f"select count(*) as n from ingest.{table} where tenant = :t", t=one.name
            )
        assert rows[0].n == 0, table
    for table in ("tenant", "source", "source_count", "record", "archive"):
        with pytest.raises(DatabaseAway, match="no tenant is set"):
            async with database.transaction() as tx:
                await tx.rows(f"select count(*) from ingest.{table}")
    with pytest.raises(DatabaseAway, match="row-level security"):
        async with database.transaction(other.name) as tx:
            await tx.run(
                "insert into ingest.record (tenant, record_id, revision, received_at) "
                "values (:t, 'x', 'y', 1)",
                t=one.name,
            )
    with pytest.raises(DatabaseAway, match="permission denied"):
        async with database.transaction(other.name) as tx:
            await tx.rows("select * from ingest.outbox")


async def test_while_postgres_is_away_the_door_says_when_to_come_again(
    house: Any, second_app: Any
) -> None:
    tenant = await house.tenant()
    async with second_app(
        house, VOC_DATABASE_URL="postgresql://voc:none@127.0.0.1:9/voc"
    ) as lonely:
        client = house.client(tenant.name, "feedback:write", application=lonely)
        for path, body in (("/v1/feedback", GOOD), ("/v1/feedback/batch", {"items": [GOOD]})):
            answer = await client.post(path, json=body)
            is_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def test_too_much_at_once_is_429(house: Any, second_app: Any) -> None:
    tenant = await house.tenant()
    async with second_app(house, VOC_INFLIGHT_BYTES="200000") as small:
        client = house.client(tenant.name, "feedback:write", application=small)
        body = {"items": [GOOD | {"text": "x" * 90_000, "id": "big"}]}
        answers = await asyncio.gather(
            *(client.post("/v1/feedback/batch", json=body) for _ in range(8))
        )
    statuses = [a.status_code for a in answers]
    assert set(statuses) == {202, 429}
    for answer in answers:
        if answer.status_code == 429:
            is_problem(answer, 429)
            assert answer.headers["retry-after"] == "1"
