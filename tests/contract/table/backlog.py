"""Routes of the backlog."""

from contract.table.route import COMMON, Route

READER = ("backlog:read",)
WRITER = ("backlog:write",)

ROUTES = [
    Route(
        "POST",
        "/v1/items",
        WRITER,
        body=lambda _: {
            "cause": "broken",
            "stage": "use",
            "product": "web",
            "note": "it is",
            "evidence": {
                "people": 12,
                "excess_per_day": 2.5,
                "accounts": 3,
                "revenue": 1000,
                "revenue_known_share": 0.5,
                "days_left": 10,
            },
            "title": "Mend it",
            "owner": "ann",
            "effort_days": 3,
            "due_at": "2027-01-01T00:00:00Z",
        },
    ),
    Route("GET", "/v1/items", READER, query=lambda _: {"state": "filed", "owner": "ann"}),
    Route("GET", "/v1/items/{item}", READER),
    Route("GET", "/v1/items/{item}/trail", READER),
    Route(
        "POST",
        "/v1/items/{item}/transitions",
        WRITER,
        body=lambda w: {
            "to": "declined",
            "why": "too dear",
            "until": "2090-01-01T00:00:00Z",
            "verification": "",
            "version": w["version"],
        },
    ),
    Route(
        "PATCH",
        "/v1/items/{item}",
        WRITER,
        body=lambda w: {
            "owner": "bob",
            "title": "Mend it well",
            "effort_days": 4.5,
            "due_at": "2027-01-01T00:00:00Z",
            "why": "he can",
            "version": w["version"],
        },
    ),
    Route("GET", "/v1/routes", READER, query=lambda _: {"version": "1"}),
    Route(
        "PUT",
        "/v1/routes",
        WRITER,
        body=lambda _: {
            "routes": [{"owner": "ann", "cause": "a", "stage": "b", "product": "c"}],
            "version": 1,
        },
    ),
    Route("GET", "/v1/policy", READER),
    *COMMON,
]
