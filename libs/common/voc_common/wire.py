"""Events to and from bytes: CloudEvents 1.0 in Kafka binary mode, JSON data (which is what no `datacontenttype` says)."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from voc_common.events import (
    BULK_TYPES,
    EVENT_TYPES,
    ActivityIdentified,
    ActivityReceived,
    Event,
    FeedbackClassified,
    FeedbackIdentified,
    FeedbackReceived,
    HotIssueChanged,
    ItemChanged,
    Lane,
    RecordsErased,
    RecordsMoved,
    TaxonomyPublished,
    TenantConfigured,
    Tick,
)

Header = tuple[str, bytes]

TICK_KEY = b"tick"
"""The key of every tick: it belongs to no record."""

_PREFIX = "voc."
_encode = msgspec.json.Encoder().encode
_BY_NAME: dict[str, type[Event | Tick]] = {kind.__name__: kind for kind in EVENT_TYPES}
_BY_NAME["Tick"] = Tick
_DECODERS: dict[bytes, Callable[[bytes], Event | Tick]] = {
    f"{_PREFIX}{name}".encode(): msgspec.json.Decoder(kind).decode
    for name, kind in _BY_NAME.items()
}
_STATIC: dict[type[Event | Tick], tuple[Header, ...]] = {
    kind: (
        ("ce_specversion", b"1.0"),
        ("ce_type", f"{_PREFIX}{name}".encode()),
        ("ce_source", b"/voc"),
    )
    for name, kind in _BY_NAME.items()
}


class Outgoing(Struct, frozen=True, gc=False):
    """An event ready for the bus. `partition` is set for ticks only; all else is placed by its key."""

    topic: str
    key: bytes
    value: bytes
    headers: list[Header]
    partition: int = -1


class Undecodable(ValueError):
    """A message is not an event of the published language; the message says why."""


_BULK: dict[type[Event], str] = {kind: f"{kind.TOPIC}.bulk" for kind in BULK_TYPES}


def topic(kind: type[Event], lane: Lane) -> str:
    """Topic of an event type on a lane, without namespace."""
    return kind.TOPIC if lane == "live" else _BULK.get(kind, kind.TOPIC)


def partition(key: bytes, count: int) -> int:
    """Partition of a key: the same in every topic of the same partition count."""
    return crc32(key) % count


class _Form(Struct, frozen=True):
    """What tells an event from every other of its type and tenant (ids and all versions carried), and its key."""

    identity: Callable[[Any], str]
    key: Callable[[Any, str], str]


def _of_record(event: Any, _: str) -> str:
    """Tenant and record, so that a record's events of every stage share a partition."""
    return f"{event.tenant}/{event.record_id}"


def _of_state(name: str) -> Callable[[Any, str], str]:
    """Tenant and the field of this name, so that compaction keeps the last state of each."""
    return lambda event, _: f"{event.tenant}/{getattr(event, name)}"


_received = _Form(lambda e: f"{e.record_id}\x1f{e.revision.version}", _of_record)
_identified = _Form(
    lambda e: f"{e.record_id}\x1f{e.revision.version}\x1f{e.attribution.version}", _of_record
)
_FORMS: dict[type[Event], _Form] = {
    FeedbackReceived: _received,
    ActivityReceived: _received,
    FeedbackIdentified: _identified,
    ActivityIdentified: _identified,
    FeedbackClassified: _Form(
        lambda e: f"{_identified.identity(e)}\x1f{e.decision.version}", _of_record
    ),
    RecordsMoved: _Form(
        lambda e: "\x1f".join([f"{m.record_id}{m.version}" for m in e.records]),
        lambda e, ident: f"{e.tenant}/{ident}",
    ),
    RecordsErased: _Form(lambda e: "\x1f".join(e.records), lambda e, ident: f"{e.tenant}/{ident}"),
    HotIssueChanged: _Form(lambda e: f"{e.issue}\x1f{e.version}", _of_state("issue")),
    ItemChanged: _Form(lambda e: f"{e.item}\x1f{e.version}", _of_state("item")),
    TaxonomyPublished: _Form(lambda e: f"{e.version}\x1f{e.published_at}", _of_state("version")),
    TenantConfigured: _Form(lambda e: f"{e.version}", lambda e, _: e.tenant),
}


def _digest(name: str, tenant: str, identity: str) -> str:
    """The id of an event: the same for the same content, whoever publishes it and however often."""
    told = f"{name}\x1f{tenant}\x1f{identity}".encode("utf-8", "surrogatepass")
    return blake2b(told, digest_size=16).hexdigest()


def encode(event: Event, lane: Lane = "live", traceparent: str = "") -> Outgoing:
    """An event as a Kafka message."""
    kind = type(event)
    form = _FORMS[kind]
    ident = _digest(kind.__name__, event.tenant, form.identity(event))
    headers = [*_STATIC[kind], ("ce_id", ident.encode())]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return Outgoing(topic(kind, lane), form.key(event, ident).encode(), _encode(event), headers)


def kept(
    kind: type[FeedbackReceived | ActivityReceived],
    tenant: str,
    record_id: str,
    version: str,
    value: bytes,
    lane: Lane = "live",
    traceparent: str = "",
) -> Outgoing:
    """The message of a received event whose encoded form was kept: as `encode` made it, undecoded."""
    ident = _digest(kind.__name__, tenant, f"{record_id}\x1f{version}")
    headers = [*_STATIC[kind], ("ce_id", ident.encode())]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return Outgoing(topic(kind, lane), f"{tenant}/{record_id}".encode(), value, headers)


def encode_tick(tick: Tick, topic_name: str, at: int) -> Outgoing:
    """A tick for one partition."""
    ident = f"{topic_name}/{at}/{tick.through}/{tick.tenant}/{tick.load}"
    headers = [*_STATIC[Tick], ("ce_id", ident.encode())]
    return Outgoing(topic_name, TICK_KEY, _encode(tick), headers, at)


def decode(headers: Sequence[Header], value: bytes | None) -> Event | Tick:
    """The event of a message; raises `Undecodable`."""
    kind = b""
    for name, said in headers:
        if name == "ce_type":
            kind = said
            break
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Undecodable(f"unknown event type {kind.decode('utf-8', 'replace')[:80]!r}")
    try:
        return decoder(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"{kind.decode()}: {error}") from error


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of every event type."""
    return {name: msgspec.json.schema(kind) for name, kind in _BY_NAME.items()}
