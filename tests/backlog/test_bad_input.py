"""Bad input at every route: the expected 4xx as problem+json, never a 5xx, and nothing changed."""

from typing import Any

import httpx
import pytest
from voc_backlog.api.items import router as items_router
from voc_backlog.api.routes import router as routes_router
from voc_common import auth
from voc_common.events import CauseNode

from tests.backlog.conftest import Backlog

NOBODY = "0" * 32
HUGE = 10**30
DEEP = b'{"cause": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"

# method, path ({id}: an item of ours), JSON body or raw bytes, expected status
CASES: list[tuple[str, str, Any, int]] = [
    ("POST", "/v1/items", {}, 422),
    ("POST", "/v1/items", {"cause": ""}, 422),
    ("POST", "/v1/items", {"cause": "a\x00b"}, 422),
    ("POST", "/v1/items", {"cause": "a\nb"}, 422),
    ("POST", "/v1/items", {"cause": "x" * 201}, 422),
    ("POST", "/v1/items", {"cause": 5}, 422),
    ("POST", "/v1/items", {"cause": "late", "note": "a\x00b"}, 422),
    ("POST", "/v1/items", {"cause": "late", "note": "x" * 4001}, 422),
    ("POST", "/v1/items", {"cause": "late", "unknown": 1}, 422),
    ("POST", "/v1/items", {"cause": "late", "tenant": "other"}, 422),
    ("POST", "/v1/items", {"cause": "late", "evidence": {"people": -1}}, 422),
    ("POST", "/v1/items", {"cause": "late", "evidence": {"people": HUGE}}, 422),
    ("POST", "/v1/items", {"cause": "late", "evidence": {"people": "many"}}, 422),
    ("POST", "/v1/items", {"cause": "late", "evidence": {"other": 1}}, 422),
    ("POST", "/v1/items", {"cause": "late", "evidence": {"revenue_known_share": 1.1}}, 422),
    ("POST", "/v1/items", b'{"cause": "late", "evidence": {"people": NaN}}', 422),
    ("POST", "/v1/items", b'{"cause": "late", "evidence": {"people": 1e999}}', 422),
    ("POST", "/v1/items", {"cause": "late", "owner": ""}, 422),
    ("POST", "/v1/items", {"cause": "late", "effort_days": 0}, 422),
    ("POST", "/v1/items", {"cause": "late", "due_at": "tomorrow"}, 422),
    ("POST", "/v1/items", {"cause": "late", "due_at": "2027-01-01T00:00:00"}, 422),
    ("POST", "/v1/items", {"cause": "late", "due_at": "9999-12-31T23:59:59Z"}, 422),
    ("POST", "/v1/items", {"cause": "late", "due_at": "0001-01-01T00:00:00+14:00"}, 422),
    ("POST", "/v1/items", b'{"cause": "\\ud800"}', 422),
    ("POST", "/v1/items", b'{"cause": "\xff"}', 400),
    ("POST", "/v1/items", b"{", 422),
    ("POST", "/v1/items", b"", 422),
    ("POST", "/v1/items", b"[]", 422),
    ("POST", "/v1/items", DEEP, 400),
    ("POST", "/v1/items", b'{"note": "' + b"x" * 10_000_000 + b'"}', 413),
    ("GET", "/v1/items?state=open", None, 422),
    ("GET", "/v1/items?owner=%00", None, 422),
    ("GET", "/v1/items?stage=%00", None, 422),
    ("GET", "/v1/items?limit=0", None, 422),
    ("GET", "/v1/items?limit=1000", None, 422),
    ("GET", "/v1/items?cursor=nonsense", None, 400),
    ("GET", "/v1/items?cursor=WzEsMl0", None, 400),
    ("GET", f"/v1/items?cursor={'a' * 501}", None, 422),
    ("GET", "/v1/items/..%2f..%2fetc", None, 404),
    ("GET", "/v1/items/%00", None, 422),
    ("GET", "/v1/items/XYZ", None, 422),
    ("GET", f"/v1/items/{NOBODY}", None, 404),
    ("GET", f"/v1/items/{NOBODY}/trail", None, 404),
    ("GET", "/v1/items/{id}/trail?cursor=WyJhIl0", None, 400),
    ("GET", "/v1/items/{id}/trail?limit=-1", None, 422),
    ("POST", f"/v1/items/{NOBODY}/transitions", {"to": "triaged", "version": 1}, 404),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged"}, 428),
    ("POST", "/v1/items/{id}/transitions", {"to": "done", "version": 1}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "closed", "version": 1}, 409),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": 0}, 409),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": 2}, 409),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": HUGE}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": "1.5"}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": 1, "who": "me"}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "triaged", "version": 1, "why": "\x00"}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "retired", "version": 1}, 422),
    ("POST", "/v1/items/{id}/transitions", {"to": "declined", "version": 1, "why": "x"}, 422),
    (
        "POST",
        "/v1/items/{id}/transitions",
        {"to": "declined", "version": 1, "why": "x", "until": "2001-01-01T00:00:00Z"},
        422,
    ),
    ("PATCH", f"/v1/items/{NOBODY}", {"owner": "lea", "version": 1}, 404),
    ("PATCH", "/v1/items/{id}", {"owner": "lea"}, 428),
    ("PATCH", "/v1/items/{id}", {"owner": "lea", "version": 9}, 409),
    ("PATCH", "/v1/items/{id}", {"version": 1}, 422),
    ("PATCH", "/v1/items/{id}", {"owner": "a\x00", "version": 1}, 422),
    ("PATCH", "/v1/items/{id}", {"owner": "x" * 129, "version": 1}, 422),
    ("PATCH", "/v1/items/{id}", {"title": "", "version": 1}, 422),
    ("PATCH", "/v1/items/{id}", {"effort_days": -1, "version": 1}, 422),
    ("PATCH", "/v1/items/{id}", {"state": "closed", "version": 1}, 422),
    ("PUT", "/v1/items/{id}", {"owner": "lea"}, 405),
    ("GET", "/v1/routes?version=-1", None, 422),
    ("GET", "/v1/routes?version=5", None, 404),
    ("GET", f"/v1/routes?version={HUGE}", None, 422),
    ("PUT", "/v1/routes", {"routes": []}, 428),
    ("PUT", "/v1/routes", {"routes": [], "version": 5}, 409),
    ("PUT", "/v1/routes", {"routes": [{"cause": "x"}], "version": 0}, 422),
    ("PUT", "/v1/routes", {"routes": [{"owner": "a\x00"}], "version": 0}, 422),
    ("PUT", "/v1/routes", {"routes": [{"owner": "a", "team": "b"}], "version": 0}, 422),
    ("PUT", "/v1/routes", {"routes": [{"owner": "a"}, {"owner": "b"}], "version": 0}, 422),
    ("PUT", "/v1/routes", {"routes": [{"owner": "a", "cause": "x" * 300}], "version": 0}, 422),
    ("DELETE", "/v1/routes", None, 405),
    ("POST", "/v1/policy", {}, 405),
    ("GET", "/v1/nothing", None, 404),
]


@pytest.fixture
async def item(desk: Any, tenant: str) -> str:
    made = await desk.client(tenant).post("/v1/items", json={"cause": "ours"})
    return made.json()["item"]


async def send(
    client: httpx.AsyncClient, method: str, path: str, body: Any, **headers: str
) -> httpx.Response:
    if isinstance(body, bytes):
        kind = {"content-type": "application/json"}
        return await client.request(method, path, content=body, headers=kind | headers)
    return await client.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]} {c[1][:40]} {str(c[2])[:40]!r}")
async def test_bad_input(
    desk: Any, tenant: str, item: str, case: tuple[str, str, Any, int]
) -> None:
    client = desk.client(tenant)
    before = (await client.get(f"/v1/items/{item}")).json()
    method, path, body, status = case
    answer = await send(client, method, path.replace("{id}", item), body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
    assert (await client.get(f"/v1/items/{item}")).json() == before
    (only,) = (await client.get("/v1/items")).json()["items"]
    assert only["item"] == item
    assert (await client.get("/v1/routes")).json()["version"] == 0


@pytest.mark.parametrize(
    "tag", ["*", 'W/"1"', '"1", "2"', "one", '"-1"', '"' + "9" * 19 + '"', '""']
)
async def test_a_precondition_that_names_no_version(
    desk: Any, tenant: str, item: str, tag: str
) -> None:
    answer = await send(
        desk.client(tenant), "PATCH", f"/v1/items/{item}", {"owner": "lea"}, **{"If-Match": tag}
    )
    assert answer.status_code == 400, answer.text


ROUTES = sorted(
    (method, route.path)  # type: ignore[attr-defined]
    for router in (items_router, routes_router)
    for route in router.routes
    for method in route.methods  # type: ignore[attr-defined]
)
GOOD: dict[tuple[str, str], Any] = {
    ("POST", "/v1/items"): {"cause": "late"},
    ("POST", "/v1/items/{item}/transitions"): {"to": "triaged", "version": 1},
    ("PATCH", "/v1/items/{item}"): {"owner": "mallory", "version": 1},
    ("PUT", "/v1/routes"): {"routes": [], "version": 0},
}
WRITES = set(GOOD)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
async def test_who_may_not_call_is_told(
    desk: Any, tenant: str, item: str, route: tuple[str, str]
) -> None:
    """Without a token, with a forged, expired or foreign one, and without the scope."""
    method, path = route
    path = path.replace("{item}", item)
    body = GOOD.get(route)
    needed = "backlog:write" if route in WRITES else "backlog:read"
    other = "backlog:read" if route in WRITES else "backlog:write"
    good = desk.client(tenant).headers["authorization"]
    expired = f"Bearer {auth.mint(desk.keys, tenant, 'kim', [needed], seconds=-1)}"
    head, payload, signature = good.split(" ")[1].split(".")
    forged = f"Bearer {head}.{payload}.{signature[:-4]}AAAA"
    client = desk.client(tenant)
    for token in ("", "Bearer", "Bearer x.y.z", "Basic a2ltOmtpbQ==", forged, expired):
        answer = await send(client, method, path, body, authorization=token)
        assert answer.status_code == 401, token
        assert answer.headers["content-type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer.headers
    answer = await send(desk.client(tenant, other), method, path, body)
    assert answer.status_code == 403
    assert needed in answer.json()["detail"]


@pytest.mark.parametrize("route", [r for r in ROUTES if "{item}" in r[1]], ids=" ".join)
async def test_another_tenant_s_item_is_not_there(
    desk: Any, tenant: str, item: str, route: tuple[str, str]
) -> None:
    method, path = route
    stranger = desk.client(f"{tenant}-other")
    answer = await send(stranger, method, path.replace("{item}", item), GOOD.get(route))
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"item {item}"
    assert (await stranger.get("/v1/items")).json()["items"] == []
    assert (await desk.client(tenant).get(f"/v1/items/{item}")).json()["version"] == 1


async def test_a_cause_that_the_taxonomy_does_not_have_is_refused_with_similar_ones(
    desk: Any, backlog: Backlog, tenant: str
) -> None:
    client = desk.client(tenant)
    # Before anything is known of a taxonomy every cause may be one.
    early = await client.post("/v1/items", json={"cause": "wrong-chrge"})
    assert early.status_code == 201
    await backlog.has_taxonomy(3, CauseNode("wrong-charge", "Charged wrongly", owner="billing"))
    refused = await client.post("/v1/items", json={"cause": "wrong_charge", "stage": "support"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "version 3 of the taxonomy has no cause wrong_charge; did you mean wrong-charge? "
        "GET /v1/taxonomy of taxonomy lists them"
    )
    assert len(await backlog.items()) == 1
    good = await client.post("/v1/items", json={"cause": "wrong-charge", "stage": "support"})
    assert (good.status_code, good.json()["owner"]) == (201, "billing")
    # An item that is there takes evidence, whatever became of its cause; and no cause is no fault.
    again = await client.post("/v1/items", json={"cause": "wrong-chrge"})
    assert (again.status_code, again.json()["item"]) == (200, early.json()["item"])
    assert (await client.post("/v1/items", json={"stage": "support"})).status_code == 201
