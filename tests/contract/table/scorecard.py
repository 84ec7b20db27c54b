"""Routes of the scorecard."""

from contract.table.route import COMMON, Route

READER = ("scorecard:read",)
RANGE = {"since": "2026-09-01T00:00:00Z", "until": "2026-10-01T00:00:00+02:00"}
AS_OF = {"as_of": "2026-11-01T00:00:00Z"}

ROUTES = [
    Route(
        "GET",
        "/v1/scorecard",
        READER,
        query=lambda _: {
            "by": "channel",
            "window": "90d",
            "end": "2026-09-30",
            "stakeholder": "customer",
            **AS_OF,
        },
    ),
    Route(
        "GET",
        "/v1/series",
        READER,
        query=lambda _: {
            "cell": "cause:late_delivery",
            "metric": "volume",
            "grain": "day",
            "window": "30d",
            **RANGE,
            **AS_OF,
        },
    ),
    Route("GET", "/v1/records", READER, query=lambda _: {"cell": "all", **RANGE, **AS_OF}),
    Route(
        "GET",
        "/v1/hot-issues",
        READER,
        query=lambda _: {"state": "new", "least_people": "1"},
    ),
    Route("GET", "/v1/hot-issues/watch", READER),
    Route("GET", "/v1/hot-issues/{issue}", READER),
    Route("GET", "/v1/hot-issues/{issue}/verdicts", READER),
    Route(
        "PUT",
        "/v1/hot-issues/{issue}/verdict",
        ("backlog:write",),
        body=lambda _: {"verdict": "real", "note": "it is"},
    ),
    Route("POST", "/v1/rebuild", ("operations",)),
    *COMMON,
]
