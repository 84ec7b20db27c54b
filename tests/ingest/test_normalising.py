"""From an item to the normal form and the event."""

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_common import versions, wire
from voc_common.events import FeedbackReceived, Identifier
from voc_ingest.domain.days import LocalDays
from voc_ingest.domain.items import FeedbackItem
from voc_ingest.domain.normalising import (
    MAX_RECORD,
    Normal,
    Refused,
    Rules,
    known_at,
    normalise,
    received,
)
from voc_ingest.domain.tenants import SourceSettings

SECRET = b"s" * 32
NOW = 1_763_629_200_000_000
RULES = Rules(SECRET, True, SourceSettings(channel="email", unverified=("email",)))
SCORE = {"value": 9, "min": 0, "max": 10, "kind": "NPS"}


def item(**more: Any) -> FeedbackItem:
    told = {"source": "helpdesk", "id": "1", "kind": "ticket", "text": "hello"} | more
    return msgspec.convert(told, FeedbackItem, strict=False)


def normal(**more: Any) -> Normal:
    return normalise(item(**more), "feedback", RULES)


def event(told: Normal, received_at: int = NOW, zone: str = "UTC") -> FeedbackReceived:
    version = versions.revision(told.stamp, received_at, told.content)
    made = received("acme", told, "feedback", version, received_at, received_at, LocalDays(zone))
    assert isinstance(made, FeedbackReceived)
    return made


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda t: t.strip()))
def test_text_is_composed_and_holds_no_nul(text: str) -> None:
    plain = Rules(SECRET, False, SourceSettings())
    body = msgspec.json.decode(normalise(item(text=text), "feedback", plain).body)
    expected = unicodedata.normalize("NFC", text).replace("\x00", "\ufffd")
    assert body["text"] == expected


@given(st.permutations(["a@x.com", "b@x.com", "c@x.com", " a@x.com "]))
def test_identifiers_have_one_order_and_no_repeats(values: list[str]) -> None:
    told = normal(identifiers=[{"type": "email", "value": v} for v in [*values, ""]])
    assert [i.value for i in told.identifiers] == ["a@x.com", "b@x.com", "c@x.com"]
    straight = normal(
        identifiers=[{"type": "email", "value": v} for v in ("a@x.com", "b@x.com", "c@x.com")]
    )
    assert told.content == straight.content


def test_issuer_and_verified_come_from_the_source() -> None:
    told = normal(
        identifiers=[
            {"type": "external", "value": "7"},
            {"type": "account", "value": "9", "issuer": "crm"},
            {"type": "email", "value": "a@x.com"},
            {"type": "email", "value": "b@x.com", "verified": True},
        ]
    )
    assert told.identifiers == (
        Identifier("account", "9", "crm"),
        Identifier("email", "a@x.com", "", verified=False),
        Identifier("email", "b@x.com"),
        Identifier("external", "7", "helpdesk"),
    )
    assert told.channel == "email"


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(), min_size=2))
def test_content_does_not_depend_on_the_order_of_keys(attributes: dict[str, int]) -> None:
    backwards = dict(reversed(attributes.items()))
    assert normal(attributes=attributes).content == normal(attributes=backwards).content


@pytest.mark.parametrize(
    "change",
    [
        {"text": "other"},
        {"score": SCORE},
        {"channel": "chat"},
        {"product": "app"},
        {"team": "a"},
        {"segment": "smb"},
        {"stakeholder": "employee"},
        {"attributes": {"a": 1}},
        {"identifiers": [{"type": "name", "value": "Ann"}]},
        {"occurred_at": "2025-01-01T00:00:00Z"},
    ],
)
def test_every_field_is_part_of_the_content_and_none_of_the_id(change: dict[str, Any]) -> None:
    assert normal(**change).content != normal().content
    assert normal(**change).record_id == normal().record_id


def test_the_stamp_is_no_part_of_the_content() -> None:
    later = normal(updated_at="2025-06-01T00:00:00Z")
    assert later.content == normal().content
    assert later.stamp == 1_748_736_000_000_000


def test_the_id_is_that_of_source_kind_object_and_creation() -> None:
    known = [
        normal().record_id,
        normal(id="2").record_id,
        normal(kind="call").record_id,
        normal(source="crm").record_id,
        normal(created_at="2025-01-01T00:00:00Z").record_id,
        normalise(item(), "activity", RULES).record_id,
        normalise(item(), "feedback", Rules(b"t" * 32, True, SourceSettings())).record_id,
    ]
    assert len(set(known)) == len(known)
    moment = "2025-01-01T01:00:00.750+01:00"
    same = normal(created_at=moment).record_id
    assert same == normal(created_at="2025-01-01T00:00:00Z").record_id
    assert same[:10] == f"{1_735_689_600:010x}"


def test_time_falls_back_to_creation_then_receipt() -> None:
    assert event(normal()).revision.occurred_at == NOW
    created = {"created_at": "2025-01-01T00:00:00Z"}
    assert event(normal(**created)).revision.occurred_at == 1_735_689_600_000_000
    both = created | {"occurred_at": "2025-01-02T00:00:00Z"}
    assert event(normal(**both)).revision.occurred_at == 1_735_776_000_000_000


def test_the_future_is_clamped_and_says_so_without_being_a_change() -> None:
    told = normal(occurred_at="2030-01-01T00:00:00Z")
    first, later = event(told), event(told, NOW + 5)
    assert first.revision.clamped
    assert first.revision.occurred_at == NOW
    assert versions.revision(0, 1, told.content)[32:] == first.revision.version[32:]
    assert first.revision.version[32:] == later.revision.version[32:]
    assert not event(normal()).revision.clamped


def test_the_local_day_is_the_zones() -> None:
    late = normal(occurred_at="2025-01-01T23:30:00Z")
    assert event(late, zone="Europe/Berlin").revision.local_day == 20090
    assert event(late, zone="America/New_York").revision.local_day == 20089


def test_history_is_known_since_the_source_says_so() -> None:
    told = normal(created_at="2025-01-01T00:00:00Z", updated_at="2025-02-01T00:00:00Z")
    assert known_at(told, NOW, history=False) == NOW
    assert known_at(told, NOW, history=True) == told.stamp
    assert known_at(normal(created_at="2025-01-01T00:00:00Z"), NOW, history=True) == (
        1_735_689_600_000_000
    )
    with pytest.raises(Refused, match="needs"):
        known_at(normal(), NOW, history=True)
    with pytest.raises(Refused, match="past"):
        known_at(told, told.stamp - 1, history=True)


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"text": " \n"}, 422),
        ({"text": "", "score": {**SCORE, "value": 11}}, 422),
        ({"score": {**SCORE, "max": 5, "value": 3}}, 422),
        ({"score": {"value": 1, "min": 1, "max": 1, "kind": "CSAT"}}, 422),
        ({"created_at": "1960-01-01T00:00:00Z"}, 422),
        ({"updated_at": "2900-01-01T00:00:00Z"}, 422),
        ({"text": "lone \ud800 surrogate"}, 422),
        ({"product": "nul\x00"}, 422),
        ({"attributes": {"a": {"b": ["nul\x00"]}}}, 422),
        ({"attributes": {"nul\x00": 1}}, 422),
        ({"identifiers": [{"type": "email", "value": "nul\x00@x.com"}]}, 422),
        ({"text": "x" * MAX_RECORD}, 413),
    ],
)
def test_what_breaks_a_rule_is_refused(broken: dict[str, Any], status: int) -> None:
    with pytest.raises(Refused) as refused:
        normal(**broken)
    assert refused.value.status == status


def test_a_backslash_u0000_in_words_is_no_nul() -> None:
    assert normal(product="\\u0000", text="\\u0000 \x00").product == "\\u0000"


def test_an_activity_needs_neither_text_nor_score() -> None:
    assert normalise(item(text=""), "activity", RULES).record_id


def test_the_kept_message_is_the_encoded_one() -> None:
    made = event(normal(score=SCORE, attributes={"a": 1}))
    straight = wire.encode(made, "bulk", "00-1-2-01")
    again = wire.kept(
        FeedbackReceived,
        made.tenant,
        made.record_id,
        made.revision.version,
        straight.value,
        "bulk",
        "00-1-2-01",
    )
    assert again == straight
    assert wire.decode(again.headers, again.value) == made
