"""Poison, put directly on the topics: bytes that are no event, unknown types, broken rules, values Postgres refuses."""

import random
from collections.abc import Callable, Sequence

from harness.system import SERVICES, System
from harness.waiting import until_none
from msgspec import structs
from voc_cli import services
from voc_common import versions
from voc_common.bus import BusError, Message, Producer
from voc_common.events import (
    Attribution,
    Decision,
    FeedbackClassified,
    RecordsErased,
    Revision,
)
from voc_common.postgres.dead_letters import dead_letter
from voc_common.wire import Header, Outgoing, encode

TOPICS = (
    "voc.feedback",
    "voc.feedback.bulk",
    "voc.feedback.identified",
    "voc.feedback.classified",
    "voc.activity",
    "voc.activity.identified",
    "voc.people",
)
_TYPES = {
    "voc.feedback": b"voc.FeedbackReceived",
    "voc.feedback.bulk": b"voc.FeedbackReceived",
    "voc.feedback.identified": b"voc.FeedbackIdentified",
    "voc.feedback.classified": b"voc.FeedbackClassified",
    "voc.activity": b"voc.ActivityReceived",
    "voc.activity.identified": b"voc.ActivityIdentified",
    "voc.people": b"voc.RecordsMoved",
}


class Poison:
    """What was injected, and the dead letters that must come of it."""

    def __init__(self, system: System, seed: int) -> None:
        self._system = system
        self._rng = random.Random(seed)
        self._producer = Producer(system.kafka, system.namespace)
        self._readers = {t: [s for s in SERVICES if t in services.topics(s)] for t in TOPICS}
        self.injected = 0
        self.wanted: set[tuple[str, str]] = set()
        """(service, id) of every dead letter that must come."""

    async def inject(self, count: int) -> None:
        """Put so many on the topics, each once or, if the broker fails us, more often."""
        out = [self._one() for _ in range(count)]
        for message in out:
            letter = _letter(message)
            self.wanted |= {(reader, letter) for reader in self._readers[message.topic]}
        self.injected += count
        written = False

        async def unwritten() -> str:
            nonlocal written
            try:
                if not written:
                    await self._producer.publish(out)
                    written = True
            except BusError as error:
                return f"poison is not written: {error}"
            return ""

        await until_none(unwritten, 180)

    async def all_buried(self, seconds: float = 120) -> None:
        """Wait until every dead letter that must come is there."""

        async def missing() -> str:
            found = self.wanted - await dead_letters(self._system)
            return f"{len(found)} dead letters, of {sorted({s for s, _ in found})}" if found else ""

        await until_none(missing, seconds)

    async def close(self) -> None:
        """Drop the connection."""
        await self._producer.close()

    def _one(self) -> Outgoing:
        topic = self._rng.choice(TOPICS)
        kinds: Sequence[Callable[[str], Outgoing]] = (self._no_event, self._no_type)
        if topic == "voc.feedback.classified":
            kinds = (*kinds, self._broken, self._refused)
        elif topic == "voc.people":
            kinds = (*kinds, self._nobodys)
        return self._rng.choice(kinds)(topic)

    def _key(self) -> bytes:
        return b"poison/" + self._rng.randbytes(8).hex().encode()

    def _no_event(self, topic: str) -> Outgoing:
        headers: list[Header] = [("ce_type", _TYPES[topic])]
        return Outgoing(topic, self._key(), self._rng.randbytes(60), headers)

    def _no_type(self, topic: str) -> Outgoing:
        headers: list[Header] = [("ce_type", b"voc.Rumour")]
        return Outgoing(topic, self._key(), b'{"heard": "somewhere"}', headers)

    def _classified(self, version: str, source: str) -> FeedbackClassified:
        now = 1_700_000_000_000_000
        return FeedbackClassified(
            tenant="poison",
            record_id=self._rng.randbytes(16).hex(),
            revision=Revision(version, now, now, now, 19_675, source, "ticket"),
            attribution=Attribution(versions.attribution(1, 1)),
            decision=Decision(versions.decision(1, "0" * 48, 0, 1)),
        )

    def _broken(self, topic: str) -> Outgoing:
        return self._on(topic, encode(self._classified("short", "desk")))

    def _refused(self, topic: str) -> Outgoing:
        version = versions.revision(None, 1_700_000_000_000_000, self._rng.randbytes(8))
        return self._on(topic, encode(self._classified(version, "de\x00sk")))

    def _nobodys(self, topic: str) -> Outgoing:
        record = self._rng.randbytes(16).hex()
        event = RecordsErased(tenant="", records=(record,), decided_at=1, reason="poison")
        return self._on(topic, encode(event))

    def _on(self, topic: str, message: Outgoing) -> Outgoing:
        return structs.replace(message, topic=topic, key=self._key())


async def dead_letters(system: System) -> set[tuple[str, str]]:
    """(service, id) of every dead letter that there is."""
    parts = [f"select '{s}' as service, id from {s}.dead_letter" for s in SERVICES]
    rows = await system.rows(" union all ".join(parts))
    return {(r["service"], r["id"]) for r in rows}


def _letter(message: Outgoing) -> str:
    came = Message(message.topic, 0, 0, message.key, message.value, message.headers)
    return dead_letter(came, "", "").id
