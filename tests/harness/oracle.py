"""What every number must be, recomputed in plain Python from what was told over HTTP.

Shares nothing with the services but the two definitions that are pure functions of their own: who is
one person (`cluster`), and what a text is about (`decide`), which the caller passes in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from voc_common.events import Identifier
from voc_identity.domain.cluster import cluster
from voc_identity.domain.normalise import key_rules, normalise
from voc_identity.domain.records import Edge, Record

Decide = Callable[[str], list[str]]


@dataclass
class Told:
    """What the system was told: the state of each record that must stand, and what people said."""

    zone: str
    feedback: dict[str, dict[str, Any]] = field(default_factory=dict)
    activities: dict[str, dict[str, Any]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    corrected: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)


@dataclass(frozen=True)
class Fact:
    """A record as it must be counted."""

    record: str
    person: str
    account: str
    at: datetime
    day: int
    cells: tuple[str, ...]
    score: int | None
    metric: str


@dataclass
class Numbers:
    """Counts per cell, over all time."""

    records: dict[str, int]
    people: dict[str, int]
    people_by_day: dict[tuple[str, int], int]
    nps: dict[tuple[str, str], tuple[int, int, int]]


def persons(told: Told, secret: bytes) -> dict[str, tuple[str, str]]:
    """Record -> (person or "", account)."""
    read = key_rules(secret, "US")
    atoms: list[Record] = []
    for record, item in (told.feedback | told.activities).items():
        if record not in told.erased:
            identifiers = tuple(
                Identifier(i["type"], i["value"], i.get("issuer") or _issuer(i, item))
                for i in item["identifiers"]
            )
            atoms.append(normalise(identifiers, read).record(record))
    partition = cluster(atoms, told.edges)
    return {
        r: (p.person_id if p.identifiable else "", p.account)
        for p in partition.persons
        for r in p.members
    }


def _issuer(identifier: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    return item["source"] if identifier["type"] in ("external", "account") else ""


def facts(told: Told, secret: bytes, decide: Decide) -> list[Fact]:
    """Every record that must be counted, with its cells."""
    whose = persons(told, secret)
    zone = ZoneInfo(told.zone)
    found: list[Fact] = []
    for items, is_activity in ((told.feedback, False), (told.activities, True)):
        for record, item in items.items():
            if record in told.erased:
                continue
            at = datetime.fromisoformat(item["created_at"]).astimezone(UTC)
            if "received" in item:
                # A sender's clock may go before ours.
                at = min(at, datetime.fromtimestamp(item["received"] / 1e6, UTC))
            local = at.astimezone(zone).date()
            day = (local - datetime(1970, 1, 1, tzinfo=UTC).date()).days
            if is_activity:
                cells = (f"activity:{item['kind']}",)
            else:
                text = item["text"]
                causes = told.corrected.get((record, text))
                cells = tuple(_cells(item, decide(text) if causes is None else causes))
            score = item.get("score") if not is_activity else None
            found.append(
                Fact(
                    record,
                    *whose[record],
                    at,
                    day,
                    cells,
                    None if score is None else (score["value"] >= 9) - (score["value"] <= 6),
                    "" if score is None else score["question"],
                )
            )
    return found


def _cells(item: Mapping[str, Any], causes: list[str]) -> Iterable[str]:
    yield "all"
    yield f"channel:{item['channel']}"
    yield f"segment:{item['segment']}"
    if item["product"]:
        yield f"product:{item['product']}"
    for cause in causes or ["unknown"]:
        yield f"cause:{cause}"


def numbers(found: Iterable[Fact]) -> Numbers:
    """Count: records, distinct people (those without a person singly), latest answers of people."""
    records: dict[str, int] = defaultdict(int)
    people: dict[str, set[str]] = defaultdict(set)
    by_day: dict[tuple[str, int], set[str]] = defaultdict(set)
    latest: dict[tuple[str, str], Fact] = {}
    for fact in found:
        who = fact.person or f"single {fact.record}"
        for cell in fact.cells:
            records[cell] += 1
            people[cell].add(who)
            by_day[cell, fact.day].add(who)
        if fact.score is not None:
            before = latest.get((who, fact.metric))
            if before is None or (before.at, before.record) < (fact.at, fact.record):
                latest[who, fact.metric] = fact
    nps: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (_, metric), fact in latest.items():
        for cell in fact.cells:
            counts = nps[cell, metric]
            counts[0] += 1
            counts[1] += fact.score == 1
            counts[2] += fact.score == -1
    return Numbers(
        dict(records),
        {c: len(p) for c, p in people.items()},
        {k: len(p) for k, p in by_day.items()},
        {k: (v[0], v[1], v[2]) for k, v in nps.items()},
    )
