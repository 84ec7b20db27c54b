"""Messages as events: what is none, or breaks what every event must hold to, becomes a dead letter."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from voc_common.bus import Message
from voc_common.events import RecordEvent, Tick
from voc_common.postgres.dead_letters import OPERATOR, DeadLetter, dead_letter
from voc_common.wire import Undecodable, decode


class Decoded(Struct, frozen=True, gc=False):
    """A message and its event."""

    message: Message
    event: Any


def decode_all(messages: Sequence[Message]) -> tuple[list[Decoded], list[DeadLetter]]:
    """The events of a batch, in its order, and what could not be read."""
    decoded: list[Decoded] = []
    letters: list[DeadLetter] = []
    for message in messages:
        try:
            event = decode(message.headers, message.value)
        except Undecodable as error:
            letters.append(dead_letter(message, OPERATOR, str(error)))
            continue
        fault = _rule_broken(event)
        if fault:
            letters.append(dead_letter(message, OPERATOR, fault))
        else:
            decoded.append(Decoded(message, event))
    return decoded, letters


def _rule_broken(event: Any) -> str:
    """What every event must hold to, beyond its types."""
    if type(event) is Tick:
        return ""
    if not _is_tenant(event.tenant):
        return "tenant must have 1 to 64 printable characters"
    if isinstance(event, RecordEvent):
        if len(event.record_id) != 32 or not event.record_id.isalnum():
            return "record_id must have 32 hexadecimal digits"
        if len(event.revision.version) != 48:
            return "revision.version must have 48 hexadecimal digits"
    return ""


@lru_cache(maxsize=4096)
def _is_tenant(name: str) -> bool:
    return 0 < len(name) <= 64 and name.isprintable()
