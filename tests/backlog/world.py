"""A world of outbreaks, settings and people drawn from a seed, told in any order, and what must come of it."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from voc_backlog.domain.acts import Edit, Wish
from voc_backlog.domain.issues import Subject
from voc_backlog.domain.items import Item
from voc_backlog.handlers import events, items
from voc_backlog.repository import items as repository
from voc_common.events import (
    CauseNode,
    HotIssueChanged,
    ItemChanged,
    TaxonomyPublished,
    TenantConfigured,
)
from voc_common.postgres import Database

from tests.backlog.conftest import DAY, NOW

Told = HotIssueChanged | TaxonomyPublished | TenantConfigured

WORKERS = 4
RICH = 29
"""A seed whose world reaches every state."""
HANDLERS: dict[type[Any], Callable[..., Any]] = {
    HotIssueChanged: events.hot_issue_changed,
    TaxonomyPublished: events.taxonomy_published,
    TenantConfigured: events.tenant_configured,
}
CAUSES = ("late", "billing", "")
PRODUCTS = ("", "app", "shop")
PLACES = [(c, "delivery", p) for c in CAUSES for p in PRODUCTS]
EVERY_STATE = {"detected", "filed", "in_progress", "closed", "declined", "retired", "reopened"}


def outbreaks(
    tenant: str, rng: random.Random, first: int, count: int, since: int, until: int
) -> list[Told]:
    """Versions of some outbreaks; a third of them narrows its scope, one is over in the end."""
    told: list[Told] = []
    for number in range(first, first + count):
        cause, stage, product = rng.choice(PLACES)
        detected = rng.randrange(since, until)
        versions = rng.randint(1, 4)
        narrows = rng.random() < 0.33
        for version in range(1, versions + 1):
            at = detected + version * rng.choice([DAY // 8, DAY // 8, 5 * DAY])
            told.append(
                HotIssueChanged(
                    tenant=tenant,
                    issue=f"i{number:03d}",
                    version=version,
                    state=rng.choice(["new", "escalating", "ongoing", "resolved", "withdrawn"]),
                    cause=cause,
                    stage=stage,
                    product="app" if narrows and version > 1 else product,
                    onset=detected - DAY,
                    detected_at=detected,
                    changed_at=at,
                    people=rng.choice([1, 2, 5, 20, 60]),
                    expected=1.5,
                    p_real=rng.choice([0.1, 0.45, 0.6, 0.95]),
                    evidence={
                        "seen_at": at - DAY // 24,
                        "excess_per_day": rng.randint(0, 9),
                        "accounts": rng.randint(0, 5),
                        "revenue": 900,
                    },
                )
            )
    return told


def ground(tenant: str, rng: random.Random) -> list[Told]:
    """Three versions of settings, three of the taxonomy."""
    told: list[Told] = []
    for version in (1, 2, 3):
        settings = {
            "file_people": rng.choice([3, 10, 30]),
            "file_p_real": rng.choice([0.5, 0.9]),
            "detect_p_real": rng.choice([0.2, 0.5]),
            "cost_per_contact": rng.randint(1, 30),
            "fallback_owner": f"fallback-{version}",
        }
        told.append(TenantConfigured(tenant=tenant, version=version, settings=settings))
        nodes = (
            CauseNode(
                "late",
                f"Late {version}",
                ("delivery",),
                owner=rng.choice(["", f"logistics-{version}"]),
            ),
            CauseNode(
                "billing", f"Billing {version}", owner=rng.choice(["", f"finance-{version}"])
            ),
        )
        told.append(
            TaxonomyPublished(tenant=tenant, version=version, nodes=nodes, published_at=version)
        )
    return told


async def deliver(database: Database, told: Sequence[Told], rng: random.Random | None) -> None:
    """In order by one worker; with `rng` shuffled, a third twice, in random batches, by four at once."""
    log = list(told)
    if rng is not None:
        log += rng.sample(log, len(log) // 3)
        rng.shuffle(log)
    batches: list[list[Told]] = []
    while log:
        size = rng.choice([1, 2, 5, 20]) if rng else 1
        batches.append(log[:size])
        log = log[size:]
    queue = iter(batches)

    async def work() -> None:
        for batch in queue:
            for kind, handler in HANDLERS.items():
                group = [e for e in batch if isinstance(e, kind)]
                if group:
                    await database.retried(lambda tx, h=handler, g=group: h(tx, g))

    # A group: when one fails the others end too, and hold no locks in the next test.
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS if rng else 1):
            group.create_task(work())


Row = dict[str, Any]


@dataclass
class Stored:
    """Items by (cause, stage, product, ordinal), and where each issue counts; ids are left out."""

    items: dict[tuple[Any, ...], Row] = field(default_factory=dict[tuple[Any, ...], Row])
    homes: dict[str, tuple[Any, ...] | None] = field(default_factory=dict[str, Any])


_ASIDE = ("tenant", "item", "version", "decided")


async def stored(database: Database, tenant: str) -> Stored:
    """What is there, version counters and withdrawn items (zero rows) aside."""
    async with database.transaction() as tx:
        subjects = await tx.rows(
            "select * from backlog.subject where tenant = :tenant", tenant=tenant
        )
        about: list[Subject] = [(s.tenant, s.cause, s.stage, s.product) for s in subjects]
        there = await repository.items_about(tx, about)
        issues = await tx.rows(
            "select issue, item from backlog.issue where tenant = :tenant", tenant=tenant
        )
    out = Stored()
    names: dict[str, tuple[Any, ...]] = {}
    for item in there:
        names[item.item] = (item.cause, item.stage, item.product, item.ordinal)
        if item.said or item.state != "retired":
            row = msgspec.structs.asdict(item)
            out.items[names[item.item]] = {k: v for k, v in row.items() if k not in _ASIDE}
    out.homes = {r.issue: names.get(r.item) for r in issues}
    return out


def expected(told: Sequence[Told]) -> dict[tuple[Any, ...], Row]:
    """Items that nobody has touched, recomputed from the definition."""
    settings = max(
        (e for e in told if isinstance(e, TenantConfigured)), key=lambda e: e.version
    ).settings
    nodes = {
        n.id: n
        for n in max(
            (e for e in told if isinstance(e, TaxonomyPublished)), key=lambda e: e.version
        ).nodes
    }
    versions: dict[str, list[HotIssueChanged]] = defaultdict(list)
    for event in sorted(
        (e for e in told if isinstance(e, HotIssueChanged)), key=lambda e: e.version
    ):
        versions[event.issue].append(event)
    subjects: dict[tuple[Any, ...], list[list[HotIssueChanged]]] = defaultdict(list)
    for of_issue in versions.values():
        subjects[of_issue[0].cause, of_issue[0].stage, of_issue[0].product].append(of_issue)
    found: dict[tuple[Any, ...], Row] = {}
    for subject, issues in subjects.items():

        def reached(p: float, issues: list[list[HotIssueChanged]] = issues) -> bool:
            return any(
                i[-1].state != "withdrawn"
                and max(e.people for e in i) >= settings["file_people"]
                and max(e.p_real for e in i) >= p
                for i in issues
            )

        file_at = settings["file_p_real"]
        if not reached(min(file_at, settings["detect_p_real"])):
            continue
        last = [i[-1] for i in issues]
        stand = [i for i in issues if i[-1].state != "withdrawn"]
        lead = max(
            (i[-1] for i in stand),
            key=lambda e: (e.state != "resolved", e.p_real * e.people, e.detected_at, e.issue),
        )
        lasted = max((lead.evidence["seen_at"] - lead.onset) / DAY, 1)
        accounts = lead.evidence["accounts"]
        revenue = 900 / accounts if accounts else 0
        delay = (
            lead.evidence["excess_per_day"] * settings["cost_per_contact"]
            # No known account: revenue per account is unknown, and no account is lost either.
            + accounts / lasted * revenue * 0.7 * 0.02
        )
        node = nodes.get(subject[0])
        name = node.name if node else ""
        found[*subject, 1] = {
            "state": "filed" if reached(file_at) else "detected",
            "owner": (node.owner if node else "") or settings["fallback_owner"],
            "title": f"{name} ({', '.join(w for w in subject[1:] if w)})"
            if name
            else " / ".join(w for w in subject[1:] if w),
            "issues": tuple(sorted(e.issue for e in last)),
            "people": max(e.people for i in stand for e in i),
            "priority": pytest.approx(lead.p_real * delay * min(max(lasted, 7), 90) / 5, abs=0.02),
            "detected_at": min(e.detected_at for e in last),
            "changed_at": max(e.changed_at for e in last),
        }
    return found


async def check_events(database: Database, tenant: str) -> None:
    """The greatest event of every item says what its row says, and no two open items share a subject."""
    async with database.transaction() as tx:
        out = await tx.rows("select value from backlog.outbox where topic = 'voc.backlog'")
        rows = await tx.rows(
            "select item, version, state, title, owner, priority, issues, changed_at, due_at "
            "from backlog.item where tenant = :tenant",
            tenant=tenant,
        )
    greatest: dict[str, ItemChanged] = {}
    for event in sorted(
        (msgspec.json.decode(r.value, type=ItemChanged) for r in out), key=lambda e: e.version
    ):
        if event.tenant == tenant:
            greatest[event.item] = event
    said = {
        e.item: (
            e.version,
            e.state,
            e.title,
            e.owner,
            e.priority,
            list(e.issues),
            e.changed_at,
            e.due_at,
        )
        for e in greatest.values()
    }
    assert said == {
        r.item: (r.version, r.state, r.title, r.owner, r.priority, r.issues, r.changed_at, r.due_at)
        for r in rows
    }


WAYS = (
    ("triaged", "in_progress", "piloting", "verified", "closed"),
    ("declined",),
    ("retired",),
    ("triaged", "in_progress"),
    (),
    ("edit",),
)


async def acts(database: Database, tenant: str, now: int, seed: int) -> None:
    """People close, decline, retire, take up, assign and leave alone what is open, in turn."""
    there = sorted((await stored(database, tenant)).items)
    for number, (*place, ordinal) in enumerate(there):
        async with database.transaction() as tx:
            about: Subject = (tenant, *place)  # type: ignore[assignment]
            found = await repository.items_about(tx, [about])
        item = next(i for i in found if i.ordinal == ordinal)
        way = WAYS[(number + seed) % len(WAYS)]
        if item.state not in {"detected", "filed", "reopened"}:
            continue
        if item.state == "detected" and way[:1] == ("triaged",):
            way = ("filed", *way)
        for state in way:
            item = await act(database, item, state, now)


async def act(database: Database, item: Item, what: str, now: int) -> Item:
    edit = Edit(owner="lea", effort=2.0)
    wish = Wish(
        to="filed" if what == "edit" else what,  # type: ignore[arg-type]
        why="because",
        until=now + 20 * DAY if what == "declined" else 0,
        verification="numbers fell" if what == "closed" else "",
    )
    seen = (item.tenant, item.item, item.version, "kim")
    return await database.retried(
        lambda tx: (
            items.edit(tx, *seen, "", edit) if what == "edit" else items.move(tx, *seen, wish)
        )
    )


async def live(
    database: Database, tenant: str, seed: int, patch: pytest.MonkeyPatch, *, shuffled: bool
) -> Stored:
    """Evidence, people, more evidence (some from before them), people again, and again evidence."""
    rng = random.Random(seed)
    order = random.Random(seed + 1000) if shuffled else None
    first = ground(tenant, rng) + outbreaks(tenant, rng, 0, 30, NOW - 60 * DAY, NOW)
    late = [e for e in first if isinstance(e, HotIssueChanged) and rng.random() < 0.3]
    first = [e for e in first if e not in late]
    second = late + outbreaks(tenant, rng, 100, 24, NOW - 30 * DAY, NOW + 120 * DAY)
    third = outbreaks(tenant, rng, 200, 12, NOW, NOW + 200 * DAY)
    await deliver(database, first, order)
    patch.setattr(items, "clock", lambda: NOW)
    await acts(database, tenant, NOW, seed)
    await deliver(database, second, order)
    patch.setattr(items, "clock", lambda: NOW + 120 * DAY)
    await acts(database, tenant, NOW + 120 * DAY, seed + 1)
    await deliver(database, third, order)
    there = await stored(database, tenant)
    if shuffled:
        await deliver(database, first + second + third, order)
        assert await stored(database, tenant) == there, "read again"
    return there
