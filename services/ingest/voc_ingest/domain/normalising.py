"""From an item as it came to the normal form of a record, and on to the event about it."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct
from voc_common import versions
from voc_common.events import (
    ActivityReceived,
    Body,
    FeedbackReceived,
    Identifier,
    Kind,
    Revision,
    Score,
)

from voc_ingest.domain.days import LocalDays
from voc_ingest.domain.items import FeedbackItem, IdentifierItem, ScoreItem, slug_fault
from voc_ingest.domain.nesting import DEEPEST, too_deep
from voc_ingest.domain.redaction import redact, redact_prose
from voc_ingest.domain.tenants import SourceSettings

MAX_RECORD = 256 * 1024
"""Largest record in bytes of its canonical JSON."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FUTURE = 4_102_444_800_000_000  # 2100-01-01: later stamps are mistakes of unit
_NUL = "only the text may hold NUL characters"
_SCALES = {"NPS": (0.0, 10.0)}
_ISSUED = ("external", "account")
_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="sorted").encode


class Refused(ValueError):
    """An item breaks a rule; `status` is the HTTP status it would have alone."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.status = status


class Normal(Struct, frozen=True, gc=False):
    """A record in normal form, before it is stamped.

    `stamp` (us) is the source's own time of this state (0: none), `occurred_at` when it happened (0: not
    told), `content` the canonical JSON that tells whether anything changed.
    """

    record_id: str
    stamp: int
    occurred_at: int
    content: bytes
    source: str
    kind: str
    channel: str
    stakeholder: Literal["customer", "employee", "partner"]
    product: str
    team: str
    segment: str
    score: Score | None
    identifiers: tuple[Identifier, ...]
    body: Raw


class Rules(Struct, frozen=True, gc=False):
    """By what an item is normalised: the tenant's secret and redaction, and the source's settings."""

    secret: bytes
    redact: bool
    source: SourceSettings


def micros(moment: datetime | None, name: str) -> int:
    """UTC microseconds of a time, 0 for none; refuses what cannot be a time of the data."""
    if moment is None:
        return 0
    found = (moment - _EPOCH) // _MICROSECOND
    if not 0 < found < _FUTURE:
        raise Refused(f"{name} must lie between 1970 and 2100")
    return found


def _name(value: str) -> str:
    if "\x00" in value:
        raise Refused(_NUL)
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    return value.strip()


def _text(value: str) -> str:
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    return value.replace("\x00", "\ufffd") if "\x00" in value else value


def _score(item: ScoreItem) -> Score:
    if not item.min < item.max:
        raise Refused("score: min must be less than max")
    if not item.min <= item.value <= item.max:
        raise Refused("score: value must lie between min and max")
    scale = _SCALES.get(item.kind)
    if scale and scale != (item.min, item.max):
        raise Refused(f"score: {item.kind} has the scale 0 to 10")
    return Score(
        item.value,
        item.min,
        item.max,
        item.kind,
        item.direction,
        _name(item.question),
        _name(item.wording),
        item.relational,
    )


def _identifiers(
    items: tuple[IdentifierItem, ...], source: str, settings: SourceSettings
) -> tuple[Identifier, ...]:
    """Cleaned, without empty ones and repeats, in one order whatever order the source lists them in."""
    found: set[tuple[str, str, str, bool]] = set()
    for item in items:
        value = _name(item.value)
        if not value:
            continue
        kind, issuer, verified = item.type, item.issuer, item.verified
        if issuer:
            issuer = _name(issuer)
        if not issuer and kind in _ISSUED:
            issuer = settings.issuer or source
        if verified is UNSET:
            verified = kind not in settings.unverified
        found.add((kind, value, issuer, verified))  # pyright: ignore[reportArgumentType]
    ordered = sorted(found) if len(found) > 1 else found
    return tuple([Identifier(*one) for one in ordered])  # pyright: ignore[reportArgumentType]


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(k) or _holds_nul(v) for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return any(_holds_nul(v) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return False


def normalise(item: FeedbackItem, event_kind: Kind, rules: Rules) -> Normal:
    """The normal form of an item; raises `Refused`."""
    if fault := slug_fault(item.kind):
        raise Refused(f"kind {fault}")
    if "\x00" in item.id:
        raise Refused(_NUL)
    text = _text(item.text)
    attributes = item.attributes
    if rules.redact:
        text = redact(text) if text else text
        attributes = redact_prose(attributes) if attributes else attributes
    score = _score(item.score) if item.score is not None else None
    # Attributes alone are feedback too: an export may keep the form and withhold the words.
    if event_kind == "feedback" and score is None and not text.strip() and not attributes:
        raise Refused("feedback needs a text, a score or attributes")
    created_at = micros(item.created_at, "created_at")
    occurred_at = micros(item.occurred_at, "occurred_at") or created_at
    stamp = micros(item.updated_at, "updated_at")
    settings = rules.source
    identifiers = _identifiers(item.identifiers, item.source, settings)
    # Most names are empty or plain, and a call costs more than to look.
    channel, product, team, segment = item.channel, item.product, item.team, item.segment
    names = (
        (_name(channel) if channel else channel) or settings.channel,
        item.stakeholder or settings.stakeholder,
        _name(product) if product else product,
        _name(team) if team else team,
        _name(segment) if segment else segment,
    )
    try:
        content = _canonical((occurred_at, names, score, identifiers, text, attributes))
        body = Raw(_encode(Body(text, attributes)))
        # Activities have names of their own, so that one object may be told as both.
        object_kind = item.kind if event_kind == "feedback" else f"activity/{item.kind}"
        record_id = versions.record_id(
            rules.secret, created_at or None, item.source, object_kind, item.id
        )
    except (UnicodeEncodeError, RecursionError) as error:
        raise Refused("holds text that is no Unicode, or is nested too deep") from error
    if len(content) > MAX_RECORD:
        raise Refused(f"a record has at most {MAX_RECORD} bytes, this one has {len(content)}", 413)
    if attributes:
        # Counting is quicker than looking, and tells of nearly every record that it is flat.
        if content.count(b"{") + content.count(b"[") > DEEPEST and too_deep(attributes):
            raise Refused(f"attributes are at most {DEEPEST} levels deep")
        if b"\\u0000" in content and _holds_nul(attributes):
            raise Refused(_NUL)
    channel, stakeholder, product, team, segment = names
    return Normal(
        record_id,
        stamp,
        occurred_at,
        content,
        item.source,
        item.kind,
        channel,
        stakeholder,
        product,
        team,
        segment,
        score,
        identifiers,
        body,
    )


def known_at(normal: Normal, received_at: int, history: bool) -> int:
    """When voc could first have known this state (us): in a history load, when the source did.

    Raises `Refused` if a history load does not tell, or tells a time to come.
    """
    if not history:
        return received_at
    told = normal.stamp or normal.occurred_at
    if not told:
        raise Refused("history needs updated_at, occurred_at or created_at")
    if told > received_at:
        raise Refused("history lies in the past: updated_at or occurred_at is in the future")
    return told


def received(
    tenant: str,
    normal: Normal,
    event_kind: Kind,
    version: str,
    received_at: int,
    known: int,
    days: LocalDays,
    first_at: int = 0,
) -> FeedbackReceived | ActivityReceived:
    """The event that tells this state of the record, which came `first_at`, or now (0)."""
    occurred_at = normal.occurred_at or received_at
    clamped = occurred_at > received_at
    if clamped:
        occurred_at = received_at
    revision = Revision(
        version,
        occurred_at,
        received_at,
        known,
        days.day(occurred_at),
        normal.source,
        normal.kind,
        normal.channel,
        normal.stakeholder,
        normal.product,
        normal.team,
        normal.segment,
        normal.score,
        clamped,
        first_at=first_at,
    )
    kind = FeedbackReceived if event_kind == "feedback" else ActivityReceived
    return kind(
        tenant=tenant,
        record_id=normal.record_id,
        revision=revision,
        identifiers=normal.identifiers,
        body=normal.body,
    )
