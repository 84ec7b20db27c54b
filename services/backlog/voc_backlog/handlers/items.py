"""What people do with items: flag a defect, take a step, edit; and what can be read of them."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_backlog.domain import acts
from voc_backlog.domain.ground import Ground, Policy
from voc_backlog.domain.issues import Issue, Subject
from voc_backlog.domain.items import Item
from voc_backlog.domain.states import AT_REST, OPEN
from voc_backlog.handlers.board import Act, clock, judge, load
from voc_backlog.repository import items as repository
from voc_backlog.repository import tenants
from voc_backlog.repository.issues import evidence
from voc_backlog.repository.items import Flag, Trail
from voc_backlog.repository.subjects import lock

_SHOWN = 100


class NotThere(LookupError):
    """There is no such item; the message names it."""


class Stale(ValueError):
    """Somebody decided something since the version that the caller has seen; `item` is how it is now."""

    def __init__(self, item: Item) -> None:
        super().__init__(f"item {item.item} has changed, it is at version {item.version} now")
        self.item = item


class Occupied(ValueError):
    """Another item about the same is open; the message names it."""


class UnknownCause(ValueError):
    """The tenant's published taxonomy has no such cause; the message names it and similar ones."""


class View(Struct, frozen=True):
    """An item with its latest evidence and trail."""

    item: Item
    issues: list[Issue]
    flags: list[Flag]
    trail: list[Trail]


async def flag(
    tx: Transaction,
    subject: Subject,
    note: str,
    told: Mapping[str, float],
    by: str,
    change: acts.Edit,
) -> tuple[Item, bool]:
    """Take a person's word that something is broken: (the item it belongs to, whether that is new).

    `change` names and assigns a new item; on one that is there it changes nothing. Raises `UnknownCause`
    where nothing is known of the cause: neither by a taxonomy that has been published, nor by an item or issue.
    """
    ground = (await tenants.grounds(tx, [subject[0]]))[subject[0]]
    await lock(tx, [subject])
    board = await load(tx, [subject])
    if not board.items and not board.issues:
        _check_cause(subject[1], ground)
    now = clock()
    item = acts.receiver(subject, board.items, now, ground.policy)
    new = not item.said and item.state in {"", "retired"}
    flagged = acts.flag(item, told, now, ground.policy)
    if new:
        flagged = acts.edit(flagged, change, now)
    act = Act(flagged, by, note or "flagged")
    judged = await judge(tx, board, {ground.tenant: ground}, [subject], {}, act)
    await repository.add_flag(tx, subject[0], item.item, note, told, by)
    return _one(judged, item.item), new


def _check_cause(cause: str, ground: Ground) -> None:
    if not cause or not ground.nodes or cause in ground.nodes:
        return
    near = get_close_matches(cause, ground.nodes, n=3)
    guess = f"; did you mean {' or '.join(near)}?" if near else "."
    raise UnknownCause(
        f"version {ground.taxonomy_version} of the taxonomy has no cause {cause}{guess} "
        "GET /v1/taxonomy of taxonomy lists them"
    )


async def move(
    tx: Transaction, tenant: str, item: str, seen: int, by: str, wish: acts.Wish
) -> Item:
    """Take a step with an item; raises `NotThere`, `Stale`, `Occupied`, and what `acts.move` raises."""

    def use(found: Item, policy: Policy) -> Item:
        return acts.move(found, wish, clock(), policy)

    return await _act(tx, tenant, item, seen, by, wish.why, use)


async def edit(
    tx: Transaction, tenant: str, item: str, seen: int, by: str, why: str, wanted: acts.Edit
) -> Item:
    """Assign, name, estimate or date an item; raises `NotThere` and `Stale`."""

    def use(found: Item, _: Policy) -> Item:
        return acts.edit(found, wanted, clock())

    return await _act(tx, tenant, item, seen, by, why, use)


async def _act(
    tx: Transaction,
    tenant: str,
    ident: str,
    seen: int,
    by: str,
    why: str,
    use: Callable[[Item, Policy], Item],
) -> Item:
    ground = (await tenants.grounds(tx, [tenant]))[tenant]
    subject = (await get(tx, tenant, ident)).subject
    await lock(tx, [subject])
    # Read anew behind the lock: what was read before it may be of yesterday.
    board = await load(tx, [subject])
    found = _one(board.items, ident)
    if not found.decided <= seen <= found.version:
        raise Stale(found)
    after = use(found, ground.policy)
    other = next((i for i in board.items if i.state in OPEN and i.item != ident), None)
    if other is not None and after.said in OPEN:
        raise Occupied(f"item {other.item} about the same is open; go on with that one")
    judged = await judge(tx, board, {tenant: ground}, [subject], {}, Act(after, by, why))
    return _one(judged, ident)


def _one(items: Sequence[Item], ident: str) -> Item:
    return next(i for i in items if i.item == ident)


async def get(tx: Transaction, tenant: str, ident: str) -> Item:
    """An item; raises `NotThere`."""
    found = await repository.items_by_id(tx, [(tenant, ident)])
    if not found:
        raise NotThere(f"item {ident}")
    return found[0]


async def view(tx: Transaction, tenant: str, ident: str) -> View:
    """An item with its latest evidence and trail; raises `NotThere`."""
    return View(
        await get(tx, tenant, ident),
        await evidence(tx, tenant, ident, _SHOWN),
        await repository.flags(tx, tenant, ident, _SHOWN),
        await repository.trail(tx, tenant, ident, 2**62, _SHOWN),
    )


async def trail(tx: Transaction, tenant: str, ident: str, before: int, limit: int) -> list[Trail]:
    """Entries of an item's trail before a version, newest first; raises `NotThere`."""
    await get(tx, tenant, ident)
    return await repository.trail(tx, tenant, ident, before, limit)


async def page(
    tx: Transaction,
    tenant: str,
    *,
    states: Sequence[str],
    owner: str | None,
    stage: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> list[Item]:
    """Items by falling priority, the open ones by default."""
    return await repository.page(
        tx, tenant, states=states or OPEN, owner=owner, stage=stage, after=after, limit=limit
    )


async def occupied(tx: Transaction, items: Sequence[Item]) -> set[str]:
    """Those of these items at rest that cannot be opened again, because another about the same is open."""
    resting = [i for i in items if i.state in AT_REST]
    if not resting:
        return set()
    about = await repository.items_about(tx, {i.subject for i in resting})
    taken = {i.subject for i in about if i.state in OPEN}
    return {i.item for i in resting if i.subject in taken}


async def ground(tx: Transaction, tenant: str) -> Ground:
    """What the tenant's items are judged by."""
    return (await tenants.grounds(tx, [tenant]))[tenant]
