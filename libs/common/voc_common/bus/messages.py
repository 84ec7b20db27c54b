"""What comes from the bus, and what can go wrong with it."""

from collections.abc import Sequence

from msgspec import Struct

from voc_common.wire import Header

MAX_MESSAGE = 2 * 1024 * 1024


class BusError(Exception):
    """The broker is away or refused; the same call may succeed later."""


class TooLarge(ValueError):
    """A message is larger than the topic takes: an error of the data, not of the bus."""


class PositionLost(RuntimeError):
    """A committed position is not in the log any more: the topic was made anew or its retention passed.

    Never healed in silence: `voc topics rewind`, then a replay from the archive.
    """


class Message(Struct, frozen=True, gc=False):
    """A message as it came, its topic without namespace."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[Header]
