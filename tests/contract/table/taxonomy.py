"""Routes of taxonomy."""

from contract.table.route import COMMON, Route
from contract.worlds import model

READER = ("taxonomy:read",)
WRITER = ("taxonomy:write",)

ROUTES = [
    Route("GET", "/v1/taxonomy", READER),
    Route("GET", "/v1/taxonomies", READER),
    Route("GET", "/v1/taxonomies/draft", READER),
    Route(
        "PUT",
        "/v1/taxonomies/draft",
        WRITER,
        body=lambda _: {
            "nodes": [
                {"id": "family", "name": "A family"},
                {
                    "id": "late",
                    "name": "Late",
                    "parent": "family",
                    "kind": "defect",
                    "owner": "logistics",
                    "stages": ["delivery"],
                    "definition": "It comes too late",
                    "terms": ["late"],
                    "examples": ["Where is my parcel?"],
                    "playbook": "ask the carrier",
                    "replaces": ["slow"],
                },
            ],
            "stages": ["delivery"],
            "background": ["Hello"],
            "version": 3,
            "title": "Ours",
        },
    ),
    Route("GET", "/v1/taxonomies/{version}", READER),
    Route("POST", "/v1/taxonomies/draft/publish", WRITER),
    Route("POST", "/v1/models", WRITER, binary=model, query=lambda _: {"activate": "true"}),
    Route("GET", "/v1/models", READER),
    Route("PUT", "/v1/models/active", WRITER, body=lambda w: {"sequence": w["sequence"]}),
    Route("GET", "/v1/models/{sequence}/artifact", READER),
    Route("POST", "/v1/verdicts", READER, body=lambda _: {"texts": ["The parcel is late"]}),
    Route("GET", "/v1/records/{record_id}", (*READER, "text:read")),
    Route(
        "POST",
        "/v1/records/{record_id}/corrections",
        WRITER,
        body=lambda w: {"causes": [w["cause"]], "reason": "it says so"},
    ),
    Route("GET", "/v1/corrections", READER),
    *COMMON,
]
