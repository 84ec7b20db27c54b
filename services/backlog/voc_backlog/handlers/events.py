"""What other services say: hot issues, taxonomies, settings."""

from collections.abc import Iterable, Mapping, Sequence

from voc_common.events import Event, HotIssueChanged, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Transaction
from voc_common.postgres.database import Retry

from voc_backlog.domain.ground import Ground
from voc_backlog.domain.issues import Issue, Subject, Unusable, joined
from voc_backlog.handlers.board import judge, load
from voc_backlog.repository import tenants
from voc_backlog.repository.issues import join_issues
from voc_backlog.repository.subjects import lock, of_tenants

_ATTEMPTS = 8
_PART = 500
_LARGEST = 2**62


class _Wider(Exception):
    """More subjects are concerned than are locked."""

    def __init__(self, subjects: set[Subject]) -> None:
        self.subjects = subjects


async def hot_issue_changed(tx: Transaction, batch: Sequence[HotIssueChanged]) -> list[Event]:
    """File items, add evidence, rank anew."""
    issues = joined(batch)
    grounds = await tenants.grounds(tx, {i.tenant for i in issues})
    subjects = {i.subject for i in issues}
    for _ in range(_ATTEMPTS):
        try:
            async with tx.savepoint():
                await _take(tx, issues, grounds, subjects)
                return []
        except _Wider as found:
            # Given back with the savepoint and taken anew, sorted: adding to locks that are held can deadlock.
            subjects |= found.subjects
    raise Retry("the subjects of this batch keep changing")


async def _take(
    tx: Transaction,
    issues: Sequence[Issue],
    grounds: Mapping[str, Ground],
    subjects: set[Subject],
) -> None:
    await lock(tx, subjects)
    changed, concerned = await join_issues(tx, issues)
    if not concerned <= subjects:
        raise _Wider(concerned)
    if not concerned:
        return
    board = await load(tx, concerned)
    homes = {i.item: i.subject for i in board.items}
    why = {
        homes.get(i.item, i.subject): f"hot issue {i.issue} is {i.state}"
        for i in board.issues
        if i.issue in changed
    }
    await judge(tx, board, grounds, concerned, why)


async def taxonomy_published(tx: Transaction, batch: Sequence[TaxonomyPublished]) -> list[Event]:
    """Names and owners of causes may have changed."""
    for event in batch:
        _check(event.version, event.published_at)
    await tenants.hold(tx, {e.tenant for e in batch})
    ordered = sorted(batch, key=lambda e: (e.tenant, e.version))
    newer = {e.tenant: e for e in ordered if await tenants.publish(tx, e)}
    await judge_all(tx, newer, {t: f"taxonomy, version {e.version}" for t, e in newer.items()})
    return []


async def tenant_configured(tx: Transaction, batch: Sequence[TenantConfigured]) -> list[Event]:
    """Policy and weights may have changed."""
    for event in batch:
        _check(event.version)
    await tenants.hold(tx, {e.tenant for e in batch})
    ordered = sorted(batch, key=lambda e: (e.tenant, e.version))
    newer = {e.tenant: e for e in ordered if await tenants.configure(tx, e)}
    await judge_all(tx, newer, {t: f"settings, version {e.version}" for t, e in newer.items()})
    return []


async def judge_all(tx: Transaction, changed: Iterable[str], why: Mapping[str, str]) -> None:
    """Judge all items of these tenants anew; hold the tenants first."""
    names = set(changed)
    if not names:
        return
    grounds = await tenants.grounds(tx, names)
    subjects = sorted(await of_tenants(tx, names))
    # In parts: a worker that computes for seconds between two statements is taken for a frozen one.
    for start in range(0, len(subjects), _PART):
        part = subjects[start : start + _PART]
        await lock(tx, part)
        await judge(tx, await load(tx, part), grounds, part, {s: why[s[0]] for s in part})


def _check(*versions: int) -> None:
    if not all(0 <= v <= _LARGEST for v in versions):
        raise Unusable("a version must lie between 0 and 2**62")
