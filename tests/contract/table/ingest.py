"""Routes of ingest."""

from collections.abc import Mapping
from typing import Any

import httpx
from contract.table.route import COMMON, Route

STEWARD = ("sources:write",)
SENDER = ("feedback:write",)


def _item(w: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": w["source"],
        "id": "17",
        "kind": "ticket",
        "created_at": "2026-03-01T10:00:00Z",
        "occurred_at": "2026-03-01T10:00:00+01:00",
        "updated_at": "2026-03-01T10:05:00Z",
        "channel": "email",
        "text": "The invoice is wrong",
        "score": {
            "value": 7,
            "min": 0,
            "max": 10,
            "kind": "NPS",
            "direction": "up",
            "question": "recommend",
            "wording": "v1",
            "relational": True,
        },
        "identifiers": [
            {"type": "email", "value": "ann@firm.com", "issuer": "desk", "verified": True}
        ],
        "product": "web",
        "team": "blue",
        "segment": "smb",
        "stakeholder": "customer",
        "attributes": {"plan": "gold"},
    }


def _batch(w: Mapping[str, Any]) -> dict[str, Any]:
    return {"items": [_item(w)]}


def _any_accepted(answer: httpx.Response) -> bool:
    """A batch says of each item what became of it; one that is refused is told by its own status."""
    return answer.is_success and answer.json()["accepted"] + answer.json()["unchanged"] > 0


def _record(answer: httpx.Response) -> dict[str, Any]:
    told = answer.json()
    ident = told.get("results", [told])[0].get("record_id")
    return {"record_id": ident} if ident else {}


INTAKE: dict[str, Any] = {
    "scopes": SENDER,
    # A source is a name of the tenant's own: there is none of this name.
    "foreign": {"source": 422, "load": 409},
}
TAKEN = {
    'text: "The invoice is wrong\\u0000"': "in a text it is replaced: one bad character loses no feedback",
    'text: "\\u0000"': "the score is there",
}

ROUTES = [
    Route(
        "POST",
        "/v1/feedback",
        body=_item,
        free=frozenset({"/attributes"}),
        taken=TAKEN,
        made=_record,
        **INTAKE,
    ),
    Route(
        "POST",
        "/v1/activity",
        body=_item,
        free=frozenset({"/attributes"}),
        taken=TAKEN,
        made=_record,
        **INTAKE,
    ),
    *(
        Route(
            "POST",
            path,
            body=_batch,
            query=lambda w: {"load": w["load"]},
            free=frozenset({"/items/*/attributes"}),
            taken=TAKEN | {"/items: one wrong more": "each item has a result of its own"},
            good=_any_accepted,
            made=_record,
            **INTAKE,
        )
        for path in ("/v1/feedback/batch", "/v1/activity/batch")
    ),
    Route(
        "PUT",
        "/v1/tenants/{tenant}",
        STEWARD,
        body=lambda _: {
            "zone": "UTC",
            "currency": "USD",
            "blocked": ["nobody@firm.com"],
            "settings": {"redact": True, "rate": 1000.0, "retention_days": 400},
        },
        free=frozenset({"/settings"}),
        foreign={"tenant": 403},
    ),
    Route("GET", "/v1/tenants/{tenant}", STEWARD, foreign={"tenant": 403}),
    Route(
        "PUT",
        "/v1/sources/{source}",
        STEWARD,
        body=lambda _: {
            "title": "Desk",
            "channel": "email",
            "stakeholder": "customer",
            "issuer": "crm",
            "unverified": ["email"],
        },
        # A name of another tenant's is free to use.
        foreign={"source": 200},
    ),
    Route("GET", "/v1/sources/{source}", STEWARD),
    Route("DELETE", "/v1/sources/{source}", STEWARD),
    Route("GET", "/v1/sources", STEWARD),
    Route(
        "POST",
        "/v1/loads",
        STEWARD,
        body=lambda w: {"source": w["source"], "history": True},
        foreign={"source": 422},
    ),
    Route("GET", "/v1/loads", STEWARD),
    Route("GET", "/v1/loads/{load}", STEWARD),
    Route("POST", "/v1/loads/{load}/complete", STEWARD),
    Route(
        "POST",
        "/v1/replays",
        STEWARD,
        body=lambda w: {
            "since": "2026-01-01T00:00:00Z",
            "until": "2026-02-01T00:00:00Z",
            "source": w["source"],
        },
        foreign={"source": 422},
    ),
    Route("GET", "/v1/replays", STEWARD),
    Route("GET", "/v1/replays/{replay}", STEWARD),
    Route("GET", "/v1/records/{record_id}", ("text:read",)),
    *COMMON,
]
