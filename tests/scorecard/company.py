"""Random logs of events about a few people, and what they come to, in plain Python without the product."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Raw, structs
from voc_common.events import (
    ActivityIdentified,
    Attribution,
    Cause,
    Decision,
    FeedbackClassified,
    Moved,
    RecordsErased,
    RecordsMoved,
    Revision,
    Score,
)
from voc_common.versions import attribution, decision, revision

ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 20, tzinfo=UTC)  # the clock changes on 29 March
DAYS = 40
MINUTE = 60_000_000
DAY = 1440 * MINUTE


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def local_day(moment: int) -> int:
    return (datetime.fromtimestamp(moment / 1e6, ZONE).date() - date(1970, 1, 1)).days


@dataclass
class Company:
    """A log, the number of its events that must come first, and the parts of each record that must win."""

    tenant: str
    log: list[Any] = field(default_factory=list)
    early: int = 0
    greatest: dict[str, list[Any]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    shares: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def random_company(
    seed: int, tenant: str, *, records: int = 150, persons: int = 14, merges_first: bool = False
) -> Company:
    r = random.Random(seed)
    made = Company(tenant)
    early: list[Any] = []
    late: list[Any] = []
    for i in range(records):
        ident = f"{i:010x}{r.getrandbits(88):022x}"
        feedback = r.random() < 0.85
        revisions = [_revision(r, 0, feedback)]
        attributions = [_attribution(r, 1, persons)]
        decisions = [_decision(r, revisions[0], 0)] if feedback else []
        events: list[Any] = []

        say = partial(_say, events, tenant, ident, revisions, attributions, decisions)
        say()
        if r.random() < 0.14:
            made.shares["edited"] += 1
            revisions.append(_revision(r, 1, feedback))
            if feedback:
                decisions.append(_decision(r, revisions[-1], 0))
            say()
        if feedback and r.random() < 0.16:
            made.shares["corrected"] += 1
            decisions.append(_decision(r, revisions[-1], 7))
            say()
        if r.random() < 0.4:
            for n in range(r.choice((1, 1, 2))):
                attributions.append(_attribution(r, 2 + n, persons))
                moved = Moved(ident, attributions[-1].version, attributions[-1].person, "")
                (early if merges_first else late).append(
                    RecordsMoved(tenant=tenant, records=(moved,), decided_at=1, reason="merge")
                )
            made.shares["moved"] += attributions[-1].person != attributions[0].person
            if r.random() < 0.3:
                # A later event of the record that carries an attribution older than the move.
                events.append(_event(tenant, ident, revisions[-1], attributions[0], decisions))
        if r.random() < 0.07:
            made.shares["erased"] += 1
            made.erased.add(ident)
            gone = RecordsErased(tenant=tenant, records=(ident,), decided_at=1, reason="asked")
            (early if r.random() < 0.3 else late).append(gone)
        made.greatest[ident] = [
            revisions[-1],
            attributions[-1],
            decisions[-1] if decisions else None,
        ]
        late += events
    made.log = early + late
    made.early = len(early) if merges_first else 0
    return made


def _say(
    events: list[Any],
    tenant: str,
    ident: str,
    revisions: list[Revision],
    attributions: list[Attribution],
    decisions: list[Decision],
) -> None:
    events.append(_event(tenant, ident, revisions[-1], attributions[-1], decisions))


def _revision(r: random.Random, n: int, feedback: bool) -> Revision:
    at = micros(BEGIN) + r.randrange(DAYS * 24 * 60) * MINUTE + r.randrange(60) * 1_000_000
    if r.random() < 0.2:
        at = micros(BEGIN + timedelta(days=3, minutes=r.randrange(20)))  # many at nearly one time
    known = at + r.choice((5, 600, 7200, 90_000)) * 1_000_000
    asked = feedback and r.random() < 0.5
    score = Score(float(r.randrange(11)), 0, 10, "NPS", question="q", wording=r.choice("ab"))
    return Revision(
        version=revision(n + 1, known, f"{n}".encode()),
        occurred_at=at,
        received_at=known,
        known_at=known,
        local_day=local_day(at),
        source="desk",
        kind="ticket" if feedback else r.choice(("contact_resolved", "subscription")),
        channel=r.choice(("chat", "mail", "")),
        stakeholder=r.choice(("customer",) * 8 + ("employee", "partner")),
        product=r.choice(("app", "web|shop")),
        team=r.choice(("", "blue")),
        segment=r.choice(("smb", "big")),
        score=score if asked else None,
        suspect=r.random() < 0.05,
    )


def _attribution(r: random.Random, n: int, persons: int) -> Attribution:
    who = r.randrange(persons + 2)
    person = f"{who:032x}" if who < persons else ""
    return Attribution(version=attribution(1, n), person=person, account=person and f"a{who % 3}")


def _decision(r: random.Random, told: Revision, human: int) -> Decision:
    causes = r.sample(("late", "broken", "rude"), r.choice((0, 1, 1, 2)))
    return Decision(
        version=decision(1, told.version, human, 1),
        causes=tuple(Cause(c, 0.9) for c in causes),
        stage=r.choice(("", "onboarding", "support")),
    )


def _event(
    tenant: str, ident: str, told: Revision, whose: Attribution, decisions: list[Decision]
) -> Any:
    if decisions:
        return FeedbackClassified(
            tenant=tenant, record_id=ident, revision=told, attribution=whose, decision=decisions[-1]
        )
    return ActivityIdentified(
        tenant=tenant, record_id=ident, revision=told, attribution=whose, body=Raw(b"{}")
    )


def of_tenant(event: Any, tenant: str) -> Any:
    return structs.replace(event, tenant=tenant)


# What it comes to: by definition, from the greatest parts, with nothing of the product.


@dataclass(frozen=True)
class Item:
    ident: str
    person: str
    at: int
    known: int
    cells: tuple[str, ...]
    watched: tuple[str, ...]
    metric: str
    value: int


def items(made: Company) -> list[Item]:
    return [
        _item(ident, *parts) for ident, parts in made.greatest.items() if ident not in made.erased
    ]


def _item(ident: str, told: Revision, whose: Attribution, about: Decision | None) -> Item:
    pre = "" if told.stakeholder == "customer" else told.stakeholder + "/"
    if about is None:
        cells = (f"{pre}activity:{told.kind}",)
        return Item(ident, whose.person, told.occurred_at, told.known_at, cells, (), "", 0)
    product = told.product.replace("|", "%7C")
    causes = [f"cause:{c.id}" for c in about.causes] or ["cause:unknown"]
    stage = [f"stage:{about.stage}"] if about.stage else []
    names = ["all", *causes, *stage, f"product:{product}", f"segment:{told.segment}"]
    watched = names + [f"{c}|segment:{told.segment}" for c in causes]
    watched += [f"{c}|product:{product}" for c in causes]
    watched += [f"{c}|segment:{told.segment}|product:{product}" for c in causes]
    names += [f"channel:{told.channel}"] if told.channel else []
    names += [f"team:{told.team}"] if told.team else []
    names += ["suspect"] if told.suspect else []
    names += ["late"] if told.known_at - told.occurred_at > DAY else []
    if told.suspect or told.known_at - told.occurred_at > DAY:
        watched = []
    metric, value = "", 0
    if told.score and not told.suspect:
        metric = f"{pre}nps:q:{told.score.wording}:transactional"
        value = (told.score.value >= 9) - (told.score.value <= 6)
    return Item(
        ident,
        whose.person,
        told.occurred_at,
        told.known_at,
        tuple(pre + n for n in names),
        tuple(pre + n for n in watched),
        metric,
        value,
    )


def volume(found: list[Item]) -> dict[tuple[str, int, int], tuple[int, int, int]]:
    """(cell, seconds of a bucket or 0 for local days, bucket) -> (records, people, singles)."""
    records: dict[Any, int] = defaultdict(int)
    singles: dict[Any, int] = defaultdict(int)
    first: dict[Any, int] = {}
    for item in found:
        for cell in item.cells:
            for size in (300, 3600, 0):
                records[cell, size, _place(item.at, size)] += 1
                singles[cell, size, _place(item.at, size)] += not item.person
            if item.person:
                key = (item.person, local_day(item.at), cell)
                first[key] = min(first.get(key, item.at), item.at)
    people: dict[Any, int] = defaultdict(int)
    for (_, _, cell), at in first.items():
        for size in (300, 3600, 0):
            people[cell, size, _place(at, size)] += 1
    return {key: (records[key], people[key], singles[key]) for key in records}


def _place(at: int, size: int) -> int:
    return at // (size * 1_000_000) if size else local_day(at)


def pulse(found: list[Item]) -> dict[tuple[str, int], int]:
    first: dict[Any, int] = {}
    for n, item in enumerate(found):
        for cell in item.watched:
            key = (item.person or n, local_day(item.at), cell)
            first[key] = min(first.get(key, item.known), item.known)
    people: dict[Any, int] = defaultdict(int)
    for (_, _, cell), known in first.items():
        people[cell, known // (10 * MINUTE)] += 1
    return dict(people)


def people_in_days(found: list[Item], last: int, days: int) -> dict[str, int]:
    """Distinct persons per cell on the `days` local days up to and including `last`."""
    there: dict[str, set[str]] = defaultdict(set)
    for item in found:
        if item.person and last - days < local_day(item.at) <= last:
            for cell in item.cells:
                there[cell].add(item.person)
    return {cell: len(who) for cell, who in there.items()}


def nps_in_days(
    found: list[Item], last: int, days: int
) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(cell, metric) -> (n, promoters, detractors, singles): the latest answers on those local days."""
    latest: dict[Any, Item] = {}
    for item in found:
        if item.metric and last - days < local_day(item.at) <= last:
            key = (item.person or item.ident, item.metric)
            known = latest.get(key)
            if known is None or (item.at, item.ident) > (known.at, known.ident):
                latest[key] = item
    counts: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for item in latest.values():
        for cell in item.cells:
            entry = counts[cell, item.metric]
            entry[0] += 1
            entry[1] += item.value > 0
            entry[2] += item.value < 0
            entry[3] += not item.person
    return {key: (c[0], c[1], c[2], c[3]) for key, c in counts.items()}
