"""Generated documents: of this code, whole, and true of what is really sent."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from voc_cli import schemas
from voc_common import wire
from voc_common.events import (
    EVENT_TYPES,
    Attribution,
    Body,
    Cause,
    Decision,
    FeedbackClassified,
    FeedbackReceived,
    Identifier,
    Revision,
    Score,
    Tick,
)

COMMITTED = Path(__file__).parents[2] / "docs" / "events"
EVERY = [*EVENT_TYPES, Tick]


def test_the_committed_documents_are_of_this_code() -> None:
    made = schemas.files()
    there = {str(p.relative_to(COMMITTED)): p.read_bytes() for p in COMMITTED.rglob("*.json")}
    stale = sorted(n for n in made.keys() | there.keys() if made.get(n) != there.get(n))
    assert not stale, f"run `voc schemas docs/events`: {stale}"


def test_writing_removes_schemas_of_types_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "Gone.json").write_text("{}")
    written = schemas.write(tmp_path)
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(written)


def references(document: Any) -> list[str]:
    if isinstance(document, dict):
        own = [document["$ref"]] if isinstance(document.get("$ref"), str) else []
        return own + [r for value in document.values() for r in references(value)]
    if isinstance(document, list):
        return [r for value in document for r in references(value)]
    return []


def resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def test_every_reference_leads_somewhere() -> None:
    for content in schemas.files().values():
        document = json.loads(content)
        found = references(document)
        assert found
        for reference in found:
            assert resolve(document, reference) is not None


def test_every_event_is_sent_by_its_owner_on_its_topics() -> None:
    document = json.loads(schemas.files()["asyncapi.json"])
    sent = {
        (o["messages"][0]["$ref"].rpartition("/")[2], o["channel"]["$ref"].rpartition("/")[2])
        for o in document["operations"].values()
        if o["action"] == "send"
    }
    assert sent == {
        (kind.__name__, wire.topic(kind, lane)) for kind in EVENT_TYPES for lane in ("live", "bulk")
    }
    assert schemas.OWNERS.keys() == set(EVENT_TYPES)


def test_every_message_is_documented() -> None:
    document = json.loads(schemas.files()["asyncapi.json"])
    assert document["components"]["messages"].keys() == {k.__name__ for k in EVERY}
    assert all(m["summary"] for m in document["components"]["messages"].values())


texts = st.text(max_size=20)
stamps = st.integers(0, 2**52)
versions = st.text("0123456789abcdef", min_size=48, max_size=48)
scores = st.builds(
    Score, st.floats(0, 10), st.just(0.0), st.just(10.0), st.sampled_from(["NPS", "stars"])
)
revisions = st.builds(
    Revision,
    version=versions,
    occurred_at=stamps,
    received_at=stamps,
    known_at=stamps,
    local_day=st.integers(0, 40_000),
    source=texts,
    kind=texts,
    score=st.none() | scores,
)
bodies = st.builds(Body, texts, st.dictionaries(texts, texts | st.integers(), max_size=3))
events = st.one_of(
    st.builds(
        FeedbackReceived,
        tenant=texts,
        record_id=texts,
        revision=revisions,
        identifiers=st.tuples(st.builds(Identifier, st.just("email"), texts)),
        body=bodies.map(lambda b: Raw(msgspec.json.encode(b))),
    ),
    st.builds(
        FeedbackClassified,
        tenant=texts,
        record_id=texts,
        revision=revisions,
        attribution=st.builds(Attribution, versions, texts),
        decision=st.builds(Decision, versions, st.tuples(st.builds(Cause, texts, st.floats(0, 1)))),
    ),
    st.builds(Tick, through=stamps, tenant=texts),
)


@settings(max_examples=50, deadline=None)
@given(events)
def test_what_is_sent_fits_its_schema(event: Any) -> None:
    schema = schemas.json_schemas()[type(event).__name__]
    sent = json.loads(msgspec.json.encode(event))
    jsonschema_rs.validate(schema, sent)
    del sent[next(iter(schema["$defs"][type(event).__name__]["required"]))]
    assert not jsonschema_rs.is_valid(schema, sent)
