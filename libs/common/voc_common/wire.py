"""Events to and from bytes: CloudEvents 1.0 in Kafka binary mode, JSON data."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from voc_common.events import (
    BULK_TYPES,
    EVENT_TYPES,
    ActivityReceived,
    Event,
    FeedbackReceived,
    HotIssueChanged,
    ItemChanged,
    Lane,
    RecordEvent,
    RecordsErased,
    RecordsMoved,
    TaxonomyPublished,
    Tick,
)

Header = tuple[str, bytes]

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
        ("content-type", b"application/json"),
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


def _identity(event: Event) -> tuple[str, ...]:
    """What tells this event from every other of its type: ids and all versions carried."""
    if isinstance(event, FeedbackReceived | ActivityReceived):
        return (event.record_id, event.revision.version)
    if isinstance(event, RecordEvent):
        decision = getattr(event, "decision", None)
        return (
            event.record_id,
            event.revision.version,
            event.attribution.version,
            decision.version if decision else "",
        )
    if isinstance(event, RecordsMoved):
        return tuple(f"{m.record_id}{m.version}" for m in event.records)
    if isinstance(event, RecordsErased):
        return event.records
    if isinstance(event, HotIssueChanged):
        return (event.issue, str(event.version))
    if isinstance(event, ItemChanged):
        return (event.item, str(event.version))
    if isinstance(event, TaxonomyPublished):
        return (str(event.version), str(event.published_at))
    return (str(event.version),)


def event_id(event: Event) -> str:
    """The same for the same content, whoever publishes it and however often."""
    return _digest(type(event).__name__, event.tenant, *_identity(event))


def _digest(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def key(event: Event, ident: str) -> bytes:
    """Kafka key: tenant and record, so that a record's events of every stage share a partition."""
    if isinstance(event, RecordEvent):
        return f"{event.tenant}/{event.record_id}".encode()
    if isinstance(event, TaxonomyPublished):
        return f"{event.tenant}/{event.version}".encode()
    if isinstance(event, HotIssueChanged | ItemChanged):
        return f"{event.tenant}/{event.issue if isinstance(event, HotIssueChanged) else event.item}".encode()
    return (
        f"{event.tenant}/{ident}"
        if isinstance(event, RecordsMoved | RecordsErased)
        else event.tenant
    ).encode()


def encode(event: Event, lane: Lane = "live", traceparent: str = "") -> Outgoing:
    """An event as a Kafka message."""
    ident = event_id(event)
    headers = [*_STATIC[type(event)], ("ce_id", ident.encode())]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return Outgoing(topic(type(event), lane), key(event, ident), _encode(event), headers)


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
    ident = _digest(kind.__name__, tenant, record_id, version)
    headers = [*_STATIC[kind], ("ce_id", ident.encode())]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return Outgoing(topic(kind, lane), f"{tenant}/{record_id}".encode(), value, headers)


def encode_tick(tick: Tick, topic_name: str, at: int) -> Outgoing:
    """A tick for one partition."""
    ident = f"{topic_name}/{at}/{tick.through}/{tick.tenant}/{tick.load}"
    headers = [*_STATIC[Tick], ("ce_id", ident.encode())]
    return Outgoing(topic_name, b"tick", _encode(tick), headers, at)


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
