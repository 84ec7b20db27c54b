"""Strange but acceptable content through the whole product: what the door takes, no service behind it drops."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from harness.system import SERVICES, System

pytestmark = pytest.mark.slow

ODD = [
    "",
    " ",
    "'; drop table record; --",
    '"quoted" \\ back\\slash',
    "a|b",
    "cause:late_delivery",
    "all",
    "employee/all",
    "cause:x|segment:y",
    "../../etc/passwd",
    "%00%s%n{0}${x}",
    "tab\tline\nreturn\r",
    "\u0001\u001b[31m\u007f\u0085",
    "\u202eright to left\u202c",
    "zero\u200bwidth\ufeff",
    "e\u0301 \u0041\u030a",
    "\u1100\u1161\u11a8",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\U0010ffff\ufffe\uffff",
    "ﷺ" * 40,
    "ı İ ß ẞ ſ",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "-1",
    "null",
    "NaN",
    "x" * 128,
    "𝒳" * 128,
]
"""Names and texts that have broken programs."""


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "source": "desk",
        "id": f"{number}",
        "kind": "ticket",
        "text": "The parcel is late",
        **more,
    }


def deep(levels: int) -> dict[str, Any]:
    inner: Any = {}
    for _ in range(levels - 1):
        inner = [inner]
    return {"a": inner}


def drawn(rng: random.Random, most: int) -> str:
    """Any characters that Unicode has, surrogates and NUL apart."""
    points = (rng.choice([0x7F, 0x2FF, 0xFFFF, 0x10FFFF]) for _ in range(rng.randrange(1, most)))
    codes = [rng.randrange(1, top + 1) for top in points]
    return "".join(chr(c) for c in codes if not 0xD800 <= c <= 0xDFFF) or "x"


def strange() -> Iterator[dict[str, Any]]:
    """Items without number, each strange in its own way."""
    for odd in ODD:
        yield {"channel": odd, "product": odd, "segment": odd, "team": odd, "text": odd + "x"}
        score = {"value": 9, "min": 0, "max": 10, "kind": "NPS", "question": odd, "wording": odd}
        yield {"score": score, "text": odd}
        yield {
            "identifiers": [
                {"type": kind, "value": odd, "issuer": odd[:64]}
                for kind in ("external", "email", "phone", "name", "account")
            ]
        }
        yield {"attributes": {odd: odd, "x": [odd]}, "stakeholder": "employee"}
    yield {"text": "a NUL \x00 in the middle"}
    yield {"text": "word " * 50_000}
    yield {"text": "x" * 250_000}
    yield {"text": "\U0001f600" * 60_000}
    yield {"attributes": deep(31)}
    yield {"attributes": {"n": 10**300, "m": -(10**30), "f": 1e308, "z": -0.0, "b": True}}
    for low, high in ((-1e308, 1e308), (0, 5e-324), (-5, 5)):
        yield {"score": {"value": low, "min": low, "max": high, "kind": "CSAT"}}
    for moment in (
        "1970-01-01T00:00:01Z",
        "2099-12-31T23:59:59.999999+14:00",
        "2000-02-29T12:00:00-12:00",
    ):
        yield {"created_at": moment}
        yield {"occurred_at": moment, "updated_at": moment}
    rng = random.Random(5)
    for _ in range(60):
        name = drawn(rng, 100)[:100]
        yield {
            "text": drawn(rng, 2000),
            "channel": name,
            "segment": name[::-1],
            "identifiers": [{"type": rng.choice(["name", "external"]), "value": name}],
            "attributes": {name: drawn(rng, 200)},
        }


def subscriptions() -> Iterator[dict[str, Any]]:
    """Activities whose revenue is no revenue."""
    account = [{"type": "account", "value": "firm", "issuer": "crm"}]
    for mrr in (1e308, -1e308, 10**300, "much", None, [], {"a": 1}, True, 0.1):
        attributes = {"mrr": mrr, "currency": "EUR"}
        yield {"kind": "subscription", "attributes": attributes, "identifiers": account}
    yield {"kind": "subscription", "attributes": {"mrr": 5, "currency": "x" * 5000}}
    yield {"kind": "subscription", "attributes": {"mrr": 5, "currency": 7}}


@pytest.fixture(scope="module")
async def tenant(system: System) -> str:
    """The tenant of this module."""
    return await system.tenant(zone="Pacific/Apia")


async def test_what_is_accepted_is_counted_however_strange(system: System, tenant: str) -> None:
    wanted: dict[str, set[str]] = {}
    for door, made in (("feedback", strange()), ("activity", subscriptions())):
        items = [item(n, **more) for n, more in enumerate(made)]
        results: list[dict[str, Any]] = []
        for start in range(0, len(items), 40):
            body = {"items": items[start : start + 40]}
            path = f"/v1/{door}/batch"
            results += (await system.done("POST", "ingest", path, tenant, body))["results"]
        assert not [r["problem"] for r in results if r["status"] != "accepted"]
        wanted[door] = {r["record_id"] for r in results}
        assert len(wanted[door]) == len(items)
    await system.settled()
    for service in SERVICES:
        letters = await system.rows(f"select topic, type, reason from {service}.dead_letter")
        assert not letters, service
    everything = wanted["feedback"] | wanted["activity"]
    for table, records in (
        ("ingest.archive", everything),
        ("identity.record", everything),
        ("taxonomy.record", wanted["feedback"]),
        ("scorecard.record", everything),
    ):
        rows = await system.rows(
            f"select record_id from {table} where tenant = $1 "
            + ("and rev_version <> ''" if table != "ingest.archive" else ""),
            tenant,
        )
        assert {r["record_id"] for r in rows} == records, table
        assert len(rows) == len(records), table


@pytest.mark.parametrize("by", ["cause", "stage", "channel", "product", "segment", "team"])
async def test_what_was_counted_can_be_read(system: System, tenant: str, by: str) -> None:
    for stakeholder in ("customer", "employee"):
        card = await system.done(
            "GET",
            "scorecard",
            "/v1/scorecard",
            tenant,
            by=by,
            window="365d",
            stakeholder=stakeholder,
        )
        assert card["whole"]["cell"]
        for cell in card["cells"]:
            name = cell["cell"]
            found = await system.done(
                "GET",
                "scorecard",
                "/v1/series",
                tenant,
                cell=name,
                since=card["since"],
                until=card["until"],
                grain="whole",
            )
            assert found["cell"] == name
            told = [p["volume"] for p in found["points"] if p["volume"]]
            if cell["volume"]:
                assert sum(v["records"] for v in told) == cell["volume"]["records"], name
