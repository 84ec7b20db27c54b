"""Judge closed buckets: load people per bucket, let the detector decide, save issues and tell the backlog.

The judgement is a pure function of closed buckets, so it is made again from the earliest bucket that a
correction touched, and comes to what it would have come to had the data always been so.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from voc_common.events import FeedbackClassified, HotIssueChanged
from voc_common.postgres import Transaction

from voc_scorecard.domain.cells import BUCKET, DAY_BUCKETS, Cells, People, Place
from voc_scorecard.domain.detector import Alarm, Policy, evaluate
from voc_scorecard.domain.dimensions import scope
from voc_scorecard.domain.episodes import Episode, episodes
from voc_scorecard.domain.issues import WITHDRAWN, Issue, cells_of, issue, issue_id, named
from voc_scorecard.repository import hot_issues, watch
from voc_scorecard.repository.watch import Watch

HISTORY_BUCKETS = 70 * DAY_BUCKETS
"""What the forecast looks back on."""
STRIDE_BUCKETS = 60 * DAY_BUCKETS
"""What is judged at once: years of history are judged stretch by stretch, in bounded memory."""
READ_BUCKETS = 10 * DAY_BUCKETS
"""What is read at once of what was counted."""
SLACK = 30_000_000
"""A request may have taken its stamp this long before it committed (microseconds)."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alarm).decode


@dataclass(frozen=True, slots=True)
class _Causes:
    """The tenant's causes as the detector reads them."""

    places: Mapping[str, Place]
    names: Mapping[str, str]
    unwatched: frozenset[str]


async def mark(tx: Transaction, pulse: Iterable[tuple[Any, ...]]) -> None:
    """Note which buckets a batch touched, so that judged ones among them are judged again."""
    earliest: dict[str, int] = {}
    for tenant, bucket in pulse:
        earliest[tenant] = min(bucket, earliest.get(tenant, bucket))
    if earliest:
        await watch.mark(tx, earliest)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What must be judged of a tenant, loaded: buckets from `begin` to `until`, on the counts in `cells`.

    `counted` is what was counted in these buckets then.
    """

    watched: Watch
    known: _Causes
    cells: Cells
    earlier: Sequence[Alarm]
    begin: int
    until: int
    counted: tuple[int, int]


async def closed(tx: Transaction, partitions: int) -> Judgement | None:
    """Load a tenant that has closed buckets to judge, or None.

    `partitions` is the number of partitions of the topic of classified feedback.
    """
    through = await watch.through(tx, FeedbackClassified.TOPIC, partitions)
    if through is None:
        return None
    until = (through - SLACK) // BUCKET
    watched = await watch.due(tx, until, f"{FeedbackClassified.TOPIC}.bulk", partitions)
    if watched is None:
        return None
    begin = 0 if watched.judged is None else watched.judged + 1
    if watched.dirty_from is not None:
        begin = min(begin, watched.dirty_from)
    first = await watch.first_pulse(tx, watched.tenant, begin - HISTORY_BUCKETS)
    if first is not None and first >= until:
        first = None  # all there is lies in a bucket that is still open
    # Nobody for so long that nothing is expected: go on where the next one is.
    begin = until if first is None else min(max(begin, first), until)
    until = min(until, begin + STRIDE_BUCKETS)
    start = begin if first is None else max(first, begin - HISTORY_BUCKETS)
    known = await _causes(tx, watched.tenant)
    # Before the cells: what is counted between the two reads is judged again, and not the other way round.
    counted = await watch.counted_in(tx, watched.tenant, begin, until)
    cells = await _cells(tx, watched, start, until, known)
    earlier = [_decode(a) for a in await hot_issues.alarms(tx, watched.tenant, start, begin)]
    return Judgement(watched, known, cells, earlier, begin, until, counted)


def judge(found: Judgement, policy: Policy | None = None) -> list[Alarm]:
    """The alarms of the buckets that must be judged. Takes seconds of CPU for weeks of history: not on the loop."""
    start = found.cells.start // BUCKET
    return evaluate(found.cells, found.begin - start, found.until - start, policy or Policy())


async def conclude(tx: Transaction, found: Judgement, alarms: Sequence[Alarm]) -> None:
    """Save a judgement and tell of what changed, unless somebody else judged or counted there meanwhile."""
    tenant = found.watched.tenant
    if not await watch.unchanged(tx, found.watched):
        return
    # A batch under way when the buckets were read asked for no other judgement, for none was concluded then.
    if await watch.counted_in(tx, tenant, found.begin, found.until) != found.counted:
        return
    rows = [(a.detected_at // BUCKET - 1, cells_of(a.scope), _encode(a)) for a in alarms]
    await hot_issues.replace_alarms(tx, tenant, found.begin, found.until, rows)
    outbreaks = episodes([*found.earlier, *alarms], found.until * BUCKET, found.known.places)
    await _save(tx, tenant, outbreaks, found)
    await watch.judged(tx, found.watched, found.until)


async def _causes(tx: Transaction, tenant: str) -> _Causes:
    rows = await hot_issues.causes(tx, tenant)
    return _Causes(
        {r.cause: Place(r.parent, r.stages[0] if r.stages else "") for r in rows},
        {r.cause: r.name for r in rows},
        frozenset({r.cause for r in rows if r.kind == "praise"} | {"unknown"}),
    )


async def _cells(tx: Transaction, watched: Watch, start: int, until: int, known: _Causes) -> Cells:
    counted = People(start, until - start)
    for begin in range(start, until, READ_BUCKETS):
        end = min(begin + READ_BUCKETS, until)
        for cell, buckets, people in await watch.pulses(tx, watched.tenant, begin, end):
            where = scope(cell)
            if where is not None:
                counted.add(where, buckets, people)
    return counted.cells(watched.zone, known.places, known.unwatched)


async def _save(
    tx: Transaction, tenant: str, outbreaks: Sequence[Episode], judged: Judgement
) -> None:
    """Write what changed, and tell of it. An issue that the data no longer bear out is withdrawn."""
    known = judged.known
    since, until = judged.cells.start, judged.until * BUCKET
    there = await hot_issues.issues(tx, tenant)
    now = time.time_ns() // 1000
    names = named(
        {issue_id(tenant, o): o for o in outbreaks},
        [_issue(r) for r in there.values() if since <= r.detected_at <= until],
    )
    for name, outbreak in names.items():
        at = outbreak.scope
        onset = outbreak.onset[0]
        reached = await hot_issues.reach(
            tx, tenant, at.cause, at.stage, at.segment, at.product, onset, outbreak.seen_at
        )
        found = issue(name, outbreak, reached, known.names)
        before = there.get(name)
        if before is None or not _same(found, before):
            await _tell(tx, tenant, found, before.version + 1 if before else 1, now)
    for name, before in there.items():
        if name not in names and since <= before.detected_at <= until and before.state != WITHDRAWN:
            gone = msgspec.structs.replace(_issue(before), state=WITHDRAWN)
            await _tell(tx, tenant, gone, before.version + 1, now)


def _issue(row: Any) -> Issue:
    return Issue(**{f: getattr(row, f) for f in Issue.__struct_fields__})


def _same(found: Issue, row: Any) -> bool:
    before = _issue(row)
    shown = (
        "state",
        "cause",
        "stage",
        "product",
        "segment",
        "onset",
        "detected_at",
        "seen_at",
        "people",
        "evidence",
    )
    return all(getattr(found, f) == getattr(before, f) for f in shown)


async def _tell(tx: Transaction, tenant: str, found: Issue, version: int, now: int) -> None:
    await hot_issues.save(tx, tenant, found, version, now)
    tx.emit(
        [
            HotIssueChanged(
                tenant=tenant,
                issue=found.issue,
                version=version,
                state=found.state,
                cause=found.cause,
                stage=found.stage,
                product=found.product,
                onset=found.onset,
                detected_at=found.detected_at,
                changed_at=now,
                people=found.people,
                expected=found.expected,
                p_real=found.p_real,
                evidence=found.evidence,
            )
        ]
    )


async def page(
    tx: Transaction,
    tenant: str,
    states: Sequence[str],
    least_people: int,
    before: tuple[int, str],
    limit: int,
) -> list[tuple[Any, str]]:
    """Issues with the owner of their cause."""
    rows = await hot_issues.page(tx, tenant, states, least_people, before, limit)
    owners = {r.cause: r.owner for r in await hot_issues.causes(tx, tenant)}
    return [(r, owners.get(r.cause, "")) for r in rows]


async def one(tx: Transaction, tenant: str, name: str) -> tuple[Any, str] | None:
    """An issue with the owner of its cause, or None."""
    row = await hot_issues.one(tx, tenant, name)
    if row is None:
        return None
    owners = {r.cause: r.owner for r in await hot_issues.causes(tx, tenant)}
    return row, owners.get(row.cause, "")


async def verdicts(tx: Transaction, tenant: str, name: str) -> Sequence[Any]:
    """What people said of an issue."""
    return await hot_issues.verdicts(tx, tenant, name)


async def say(tx: Transaction, tenant: str, name: str, verdict: str, note: str, by: str) -> None:
    """Store a person's verdict."""
    await hot_issues.say(tx, tenant, name, verdict, note, by)


async def progress(tx: Transaction, tenant: str) -> tuple[int | None, bool]:
    """Until when the tenant's time has been judged (UTC microseconds), and whether nothing judged has changed since."""
    found = await watch.state(tx, tenant)
    if found is None or found.judged is None:
        return None, False
    return (found.judged + 1) * BUCKET, found.dirty_from is None
