"""The load of the end-to-end benchmarks: batches of feedback, made before the clock starts, and their sending."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
from voc_cli.company import company, is_activity

SOURCE = "bench"
MIX = {"known": 0.80, "new": 0.12, "new identifier": 0.06, "merge": 0.02}
"""Shares of records by what identity has to do."""
SPREAD, SAME = timedelta(seconds=0.05), 800_000
"""Time from one record to the next, and after how many the times come again."""
_encode = msgspec.json.Encoder().encode


@cache
def demo_texts() -> list[tuple[str, str, str]]:
    """Text, segment and product of the feedback of a demo's company of 20,000 events."""
    told = company(7, datetime(2026, 3, 2, tzinfo=UTC), 20_000)
    return [
        (e["text"], e.get("segment", ""), e.get("product", ""))
        for e in told.history
        if not is_activity(e) and e.get("text")
    ]


@dataclass
class Load:
    """Draws records; the texts are those of the demo's company, the people grow as `MIX` says."""

    seed: int
    people: int = 20_000
    untold: int = 0
    """So many of the people are told of first, a record each: nobody is known who has told nothing yet."""
    begin: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=12))
    """When the first record was made; the rest follow within eleven hours, so that they are as fresh as live ones."""
    texts: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    made: int = 0

    def __post_init__(self) -> None:
        if not self.texts:
            self.texts = demo_texts()
        self._rng = random.Random(self.seed)

    def batches(self, count: int, size: int) -> Iterator[bytes]:
        """Bodies of `/v1/feedback/batch`, `size` records each, `count` records in all."""
        for begin in range(0, count, size):
            items = [self.record() for _ in range(min(size, count - begin))]
            yield _encode({"items": items})

    def record(self) -> dict[str, object]:
        """One record: half of them with an answer to the NPS question."""
        rng = self._rng
        self.made += 1
        text, segment, product = rng.choice(self.texts)
        found: dict[str, object] = {
            "source": SOURCE,
            "id": f"{self.seed}-{self.made}",
            "kind": "ticket",
            "created_at": (self.begin + SPREAD * (self.made % SAME)).isoformat(),
            "channel": rng.choice(("email", "chat", "app", "phone")),
            "text": text,
            "identifiers": self.identifiers(),
        }
        if segment:
            found["segment"] = segment
        if product:
            found["product"] = product
        if self.made % 2:
            found["score"] = {
                "value": rng.randrange(11),
                "min": 0,
                "max": 10,
                "kind": "NPS",
                "question": "recommend",
            }
        return found

    def identifiers(self) -> Sequence[dict[str, str]]:
        """What a record says of its person: first once of each who is yet untold, then by `MIX`."""
        if self.untold:
            self.untold -= 1
            return [_email(self.untold), _account(self.untold)]
        rng = self._rng
        kind = rng.choices(list(MIX), list(MIX.values()))[0]
        if kind == "new":
            self.people += 1
            return [_email(self.people), _account(self.people)]
        who = rng.randrange(self.people)
        if kind == "known":
            return [_email(who), _account(who)]
        if kind == "new identifier":
            return [_email(who), {"type": "external", "issuer": "crm", "value": f"C-{self.made}"}]
        # Two persons turn out to be one, always the same two: drawn by chance, millions of records would tie all together.
        return [_email(who), _email(who ^ 1)]


def _email(who: int) -> dict[str, str]:
    return {"type": "email", "value": f"person{who}@firm{who % 997}.example"}


def _account(who: int) -> dict[str, str]:
    return {"type": "account", "issuer": "crm", "value": f"A-{who % 5000}"}
