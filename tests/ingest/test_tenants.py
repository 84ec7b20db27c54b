"""Tenants and sources by API; what they change and what they must not."""

import asyncio
from typing import Any

from voc_common.postgres.outbox import relay


async def test_every_change_of_settings_is_told_once(house: Any) -> None:
    tenant = await house.tenant("Europe/Berlin", redact=True)
    path = f"/v1/tenants/{tenant.name}"
    same = {"zone": "Europe/Berlin", "settings": {"redact": True}}
    again = await tenant.client.put(path, json=same)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    changed = await tenant.client.put(path, json=same | {"blocked": ["info@x.com"]})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await tenant.client.get(path)).json() == changed.json()
    await relayed(house, tenant.name, 2)
    told = sorted(house.told(tenant.name, "voc.tenants"), key=lambda e: e.version)
    assert [(e.version, e.zone, e.blocked) for e in told] == [
        (1, "Europe/Berlin", ()),
        (2, "Europe/Berlin", ("info@x.com",)),
    ]


async def relayed(house: Any, tenant: str, count: int) -> None:
    while await relay(house.worker, house.producer):
        pass
    await house.hear(lambda: len(house.told(tenant, "voc.tenants")) >= count)


async def test_the_zone_is_fixed_by_the_first_record(house: Any, ticket: Any) -> None:
    tenant = await house.tenant("UTC")
    path = f"/v1/tenants/{tenant.name}"
    moved = await tenant.client.put(path, json={"zone": "Asia/Tokyo"})
    assert (moved.status_code, moved.json()["zone_fixed"]) == (200, False)
    record = (await tenant.post(ticket(1, occurred_at="2025-01-01T23:00:00Z")))["results"][0]
    seen = (await tenant.client.get(f"/v1/records/{record['record_id']}")).json()
    assert seen["revisions"][0]["event"]["revision"]["local_day"] == 20090
    refused = await tenant.client.put(path, json={"zone": "UTC"})
    assert refused.status_code == 409
    assert "Asia/Tokyo" in refused.json()["detail"]
    other = await tenant.client.put(path, json={"zone": "Asia/Tokyo", "currency": "USD"})
    assert (other.status_code, other.json()["zone_fixed"]) == (200, True)


async def test_no_record_is_stamped_in_a_zone_that_was_changed_meanwhile(
    house: Any, ticket: Any, second_app: Any
) -> None:
    """A process that still remembers the old zone must not count days in it."""
    tenant = await house.tenant("UTC")
    async with second_app(house, VOC_TENANT_SECONDS="3600") as other:
        there = house.client(tenant.name, "feedback:write", application=other)
        wrong = await there.post("/v1/feedback", json=ticket(1, source="nowhere"))
        assert wrong.status_code == 422
        rejected = await there.post(
            "/v1/feedback", json=ticket(1, "", occurred_at="2025-01-01T23:00:00Z")
        )
        assert rejected.status_code == 422
        await tenant.client.put(f"/v1/tenants/{tenant.name}", json={"zone": "Asia/Tokyo"})
        taken = await there.post("/v1/feedback", json=ticket(1, occurred_at="2025-01-01T23:00:00Z"))
    record_id = taken.json()["record_id"]
    seen = (await tenant.client.get(f"/v1/records/{record_id}")).json()
    assert seen["revisions"][0]["event"]["revision"]["local_day"] == 20090


async def test_a_tenant_put_twice_at_once_has_one_secret(house: Any) -> None:
    operator = house.client("-", "tenants:admin")
    answers = await asyncio.gather(
        *(
            operator.put("/v1/tenants/twice", json={"currency": c})
            for c in ("EUR", "USD", "GBP", "CHF")
        )
    )
    assert {a.status_code for a in answers} <= {200, 201, 409}
    created = [a for a in answers if a.status_code == 201]
    assert len(created) == 1
    rows = await house.rows("select version from ingest.tenant where tenant = 'twice'")
    assert rows[0].version == sum(a.status_code < 400 for a in answers)


async def test_who_may_do_what_with_a_tenant(house: Any) -> None:
    one, other = await house.tenant(), await house.tenant()
    assert (await one.client.get(f"/v1/tenants/{other.name}")).status_code == 403
    assert (await one.client.put(f"/v1/tenants/{other.name}", json={})).status_code == 403
    reader = house.client(one.name, "scorecard:read")
    assert (await reader.get(f"/v1/tenants/{one.name}")).status_code == 403
    stranger = house.client("nobody", "sources:write", "feedback:write")
    assert (await stranger.put("/v1/tenants/nobody", json={})).status_code == 404
    assert (await stranger.put("/v1/sources/x", json={})).status_code == 404
    assert (await stranger.post("/v1/feedback/batch", json={"items": [{}]})).status_code == 404
    operator = house.client("-", "tenants:admin")
    assert (await operator.get(f"/v1/tenants/{one.name}")).status_code == 200
    assert (await operator.get("/v1/tenants/none-such")).status_code == 404


async def test_sources_come_and_go(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    for name in ("reviews", "calls"):
        made = await tenant.client.put(
            f"/v1/sources/{name}", json={"unverified": ["email"], "issuer": "crm"}
        )
        assert made.json()["version"] == 1
    page = (await tenant.client.get("/v1/sources?limit=2")).json()
    assert [s["source"] for s in page["items"]] == ["calls", "helpdesk"]
    rest = (await tenant.client.get(f"/v1/sources?limit=2&cursor={page['next']}")).json()
    assert [s["source"] for s in rest["items"]] == ["reviews"]
    assert rest["next"] is None
    same = await tenant.client.put(
        "/v1/sources/calls", json={"unverified": ["email"], "issuer": "crm"}
    )
    assert same.json()["version"] == 1
    item = ticket(
        1,
        source="calls",
        identifiers=[{"type": "email", "value": "a@x.com"}, {"type": "external", "value": "1"}],
    )
    record = (await tenant.post(item))["results"][0]
    seen = (await tenant.client.get(f"/v1/records/{record['record_id']}")).json()
    assert seen["revisions"][0]["event"]["identifiers"] == [
        {"type": "email", "value": "a@x.com", "verified": False},
        {"type": "external", "value": "1", "issuer": "crm"},
    ]
    assert (await tenant.client.delete("/v1/sources/calls")).status_code == 204
    assert (await tenant.client.delete("/v1/sources/calls")).status_code == 404
    assert (await tenant.client.get("/v1/sources/calls")).status_code == 404
    assert await tenant.statuses(item) == ["rejected"]
    assert (await tenant.client.get(f"/v1/records/{record['record_id']}")).status_code == 200
