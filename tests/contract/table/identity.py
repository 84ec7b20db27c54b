"""Routes of identity."""

from contract.table.route import COMMON, Route

READER = ("people:read",)
WRITER = ("people:write",)
ERASER = ("people:erase",)

ROUTES = [
    Route("GET", "/v1/persons/{person}", READER),
    Route("GET", "/v1/persons/{person}/records", READER),
    Route(
        "GET",
        "/v1/persons",
        READER,
        query=lambda w: {"type": "email", "value": w["mail"], "issuer": "desk"},
        # Nobody of that name.
        foreign={"mail": 200},
    ),
    Route(
        "POST",
        "/v1/merges",
        WRITER,
        body=lambda w: {"persons": [w["person"], w["person2"]], "reason": "the same"},
    ),
    Route(
        "POST",
        "/v1/splits",
        WRITER,
        body=lambda w: {"person": w["person"], "records": [w["record"]], "reason": "another"},
    ),
    Route("DELETE", "/v1/edges/{edge}", WRITER),
    Route("GET", "/v1/edges", READER),
    Route("DELETE", "/v1/persons/{person}", ERASER, query=lambda _: {"reason": "asked for"}),
    Route(
        "POST",
        "/v1/erasures",
        ERASER,
        body=lambda w: {"records": [w["record"]], "reason": "asked for"},
        # Records may be erased before they arrive; another tenant's are not touched by it.
        foreign={"record": 200},
    ),
    *COMMON,
]
