"""What a fresh tenant has in each service, so that there is something to guard."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from contract.apis import Apis
from voc_common import versions
from voc_common.bus import Message
from voc_common.events import (
    Attribution,
    Cause,
    Decision,
    FeedbackClassified,
    FeedbackIdentified,
    FeedbackReceived,
    HotIssueChanged,
    Identifier,
    Revision,
    TenantConfigured,
)
from voc_common.postgres.dead_letters import bury, dead_letter

NOW = 1_790_000_000_000_000


class World(dict[str, Any]):
    """Names and ids by what they name; `tenant` is always there. Remembers which were used."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__(found)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.used.add(name)
        return super().__getitem__(name)


async def world(apis: Apis, service: str) -> World:
    """A fresh tenant of a service."""
    tenant = f"t{secrets.token_hex(5)}"
    found = {"tenant": tenant, "letter": await _letter(apis, service, tenant)}
    return World(found | await MADE[service](apis, tenant))


async def _letter(apis: Apis, service: str, tenant: str) -> str:
    """A dead letter; returns its id."""
    kind = [("ce_type", b"voc.Nonsense")]
    message = Message("voc.feedback", 0, 0, f"{tenant}/1".encode(), b"\x00\xff no JSON", kind)
    letter = dead_letter(message, tenant, "unknown event type")
    async with apis.worker(service).transaction() as tx:
        await bury(tx, service, [letter])
    return letter.id


class Caller:
    """Requests that must succeed."""

    def __init__(self, apis: Apis, service: str, tenant: str, *scopes: str) -> None:
        self._http = apis.http
        self._url = apis.urls[service]
        self._headers = {"authorization": apis.token(tenant, *scopes)}

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._http.request(
            method, self._url + path, json=body, headers=self._headers
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


async def _ingest(apis: Apis, tenant: str) -> dict[str, Any]:
    await Caller(apis, "ingest", "-", "tenants:admin")("PUT", f"/v1/tenants/{tenant}", {})
    call = Caller(apis, "ingest", tenant, "sources:write", "feedback:write")
    source = f"desk-{tenant}"
    await call("PUT", f"/v1/sources/{source}", {"title": f"Desk of {tenant}"})
    item = {"source": source, "id": "1", "kind": "ticket", "text": f"words of {tenant}"}
    record = await call("POST", "/v1/feedback", item)
    begun = await call("POST", "/v1/loads", {"source": source, "history": False})
    replay = await call("POST", "/v1/replays", {"source": source})
    return {
        "source": source,
        "record_id": record["record_id"],
        "load": begun["load"],
        "replay": replay["replay"],
    }


def feedback(tenant: str, number: int, mail: str) -> FeedbackReceived:
    """Feedback of somebody, as ingest tells it."""
    return FeedbackReceived(
        tenant=tenant,
        record_id=versions.record_id(b"k" * 32, NOW, "desk", "ticket", f"{tenant} {number}"),
        revision=Revision(
            versions.revision(None, NOW, str(number).encode()),
            NOW,
            NOW,
            NOW,
            19675,
            "desk",
            "ticket",
        ),
        identifiers=(Identifier("email", mail),),
        body=msgspec.Raw(b'{"text":"hello"}'),
    )


async def _identity(apis: Apis, tenant: str) -> dict[str, Any]:
    from voc_identity.handlers.records import feedback_received
    from voc_identity.settings import IdentitySettings

    settings = IdentitySettings(database_url="", kafka_bootstrap_servers="")
    told = [feedback(tenant, n, f"{tenant}.{n // 2}@firm.com") for n in range(8)]
    told.sort(key=lambda e: e.record_id)
    async with apis.worker("identity").transaction() as tx:
        await feedback_received(tx, told, settings)
    rows = await apis.rows(
        "select person, array_agg(record_id order by record_id) as records from identity.record "
        "where tenant = $1 group by 1 order by 1",
        tenant,
    )
    assert [len(r["records"]) for r in rows] == [2, 2, 2, 2]
    call = Caller(apis, "identity", tenant, "people:write")
    persons = [r["person"] for r in rows]
    said = await call("POST", "/v1/merges", {"persons": persons[2:], "reason": f"of {tenant}"})
    return {
        "person": persons[0],
        "person2": persons[1],
        "record": rows[0]["records"][0],
        "edge": said["edge"],
        "mail": f"{tenant}.0@firm.com",
    }


def hot_issue(tenant: str) -> HotIssueChanged:
    """A hot issue, as the scorecard tells it."""
    return HotIssueChanged(
        tenant=tenant,
        issue=secrets.token_hex(12),
        version=1,
        state="new",
        cause="late_delivery",
        stage="delivery",
        onset=NOW - 3_600_000_000,
        detected_at=NOW,
        changed_at=NOW,
        people=12,
        expected=2.0,
        p_real=0.9,
    )


async def _backlog(apis: Apis, tenant: str) -> dict[str, Any]:
    from voc_backlog.handlers.events import hot_issue_changed

    async with apis.worker("backlog").transaction() as tx:
        await hot_issue_changed(tx, [hot_issue(tenant)])
        await tx.run("delete from backlog.outbox")
    call = Caller(apis, "backlog", tenant, "backlog:read", "backlog:write")
    owner = f"owner of {tenant}"
    item = await call("POST", "/v1/items", {"cause": "broken", "note": owner, "owner": owner})
    routes = {"routes": [{"owner": owner, "cause": "other"}], "version": 0}
    await call("PUT", "/v1/routes", routes)
    return {"item": item["item"], "version": item["version"]}


@cache
def _models() -> Any:
    from voc_taxonomy.handlers.models import Models

    return Models(1)


def model() -> bytes:
    """A good model: the one that comes with the product."""
    from voc_taxonomy.models import starter_model

    return starter_model()[1]


async def _taxonomy(apis: Apis, tenant: str) -> dict[str, Any]:
    from voc_taxonomy.handlers import catalogue, records

    event = feedback(tenant, 1, "")
    told = FeedbackIdentified(
        tenant=tenant,
        record_id=event.record_id,
        revision=event.revision,
        attribution=ATTRIBUTION,
        body=msgspec.Raw(msgspec.json.encode({"text": f"The parcel is late, says {tenant}"})),
    )
    async with apis.worker("taxonomy").transaction() as tx:
        new = TenantConfigured(tenant=tenant, version=1)
        await catalogue.tenant_configured(tx, [new], _models())
        await records.feedback_identified(tx, [told], _models())
        stored = await catalogue.add_model(tx, tenant, model(), tenant, activate=False)
    call = Caller(apis, "taxonomy", tenant, "taxonomy:read", "taxonomy:write")
    draft = {"nodes": [{"id": "late", "name": f"Late for {tenant}"}]}
    await call("PUT", "/v1/taxonomies/draft", draft)
    correction = {"causes": [], "reason": f"of {tenant}"}
    await call("POST", f"/v1/records/{told.record_id}/corrections", correction)
    cause = (await call("GET", "/v1/taxonomy"))["nodes"][-1]["id"]
    return {
        "record_id": told.record_id,
        "version": 1,
        "sequence": stored.sequence,
        "cause": cause,
    }


async def _scorecard(apis: Apis, tenant: str) -> dict[str, Any]:
    from voc_scorecard.handlers.counting import feedback_classified

    events = [feedback(tenant, n, "") for n in range(3)]
    told = [
        FeedbackClassified(
            tenant=tenant,
            record_id=e.record_id,
            revision=msgspec.structs.replace(e.revision, channel=f"channel of {tenant}"),
            attribution=ATTRIBUTION,
            decision=Decision("0001" + "0" * 64, (Cause("late_delivery", 0.9),)),
        )
        for e in sorted(events, key=lambda e: e.record_id)
    ]
    issue = hot_issue(tenant)
    async with apis.worker("scorecard").transaction() as tx:
        await feedback_classified(tx, told)
        await tx.run(
            "insert into scorecard.hot_issue (tenant, issue, version, state, cause, stage, product, "
            "segment, onset, detected_at, seen_at, changed_at, people, expected, p_real, evidence) "
            "values (:tenant, :issue, 1, 'new', 'late_delivery', '', '', '', :at, :at, :at, :at, "
            "12, 2, 0.9, cast(:evidence as jsonb))",
            tenant=tenant,
            issue=issue.issue,
            at=NOW,
            evidence=msgspec.json.encode(EVIDENCE | {"title": f"Late for {tenant}"}).decode(),
        )
    call = Caller(apis, "scorecard", tenant, "backlog:write")
    said = {"verdict": "real", "note": f"word of {tenant}"}
    await call("PUT", f"/v1/hot-issues/{issue.issue}/verdict", said)
    return {"issue": issue.issue, "record": told[0].record_id}


ATTRIBUTION = Attribution("0001" + "0" * 12)
EVIDENCE: dict[str, Any] = {
    "scope": {"cause": "late_delivery"},
    "onset_from": NOW,
    "onset_to": NOW,
    "now": {
        "window_hours": 6.0,
        "people": 12,
        "expected": 2.0,
        "expected_low": 0,
        "expected_high": 4,
    },
    "volume_ratio": 1.0,
    "people": 12,
    "accounts": 3,
    "revenue": 1000.0,
    "revenue_known_share": 0.5,
    "where": [],
    "ruled_out": [],
    "records": [],
}

Make = Callable[[Apis, str], Awaitable[dict[str, Any]]]
MADE: dict[str, Make] = {
    "ingest": _ingest,
    "identity": _identity,
    "taxonomy": _taxonomy,
    "scorecard": _scorecard,
    "backlog": _backlog,
}
