"""The bus: the one package that knows aiokafka."""

from voc_common.bus.consumer import Consumer
from voc_common.bus.messages import BusError, Message, PositionLost, TooLarge
from voc_common.bus.producer import Producer
from voc_common.bus.topics import (
    Position,
    apply_topics,
    delete_topics,
    group_lag,
    partition_counts,
    positions,
    rewind,
)

__all__ = [
    "BusError",
    "Consumer",
    "Message",
    "Position",
    "PositionLost",
    "Producer",
    "TooLarge",
    "apply_topics",
    "delete_topics",
    "group_lag",
    "partition_counts",
    "positions",
    "rewind",
]
