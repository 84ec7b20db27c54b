"""Load what a subject's items are judged by, judge, save what changed and tell everyone."""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction

from voc_backlog.domain.filing import file
from voc_backlog.domain.ground import Ground
from voc_backlog.domain.issues import Issue, Subject
from voc_backlog.domain.items import Item, changed, new_item, stamped, trail
from voc_backlog.repository import items as repository
from voc_backlog.repository.issues import issues_about, place_issues
from voc_backlog.repository.items import Trail

MACHINE = "voc"
"""Who does what nobody asked for, in the audit trail."""


class Board(Struct, frozen=True):
    """Items and issues of subjects that are locked, as they are stored."""

    items: Sequence[Item]
    issues: Sequence[Issue]


class Act(Struct, frozen=True):
    """What a person did: the item after it, not yet judged."""

    item: Item
    by: str
    why: str


def clock() -> int:
    """Now, in microseconds."""
    return time.time_ns() // 1000


async def load(tx: Transaction, subjects: Collection[Subject]) -> Board:
    """Items and evidence of these subjects; lock them first."""
    items = await repository.items_about(tx, subjects)
    return Board(items, await issues_about(tx, subjects, items))


async def judge(
    tx: Transaction,
    board: Board,
    grounds: Mapping[str, Ground],
    subjects: Collection[Subject],
    why: Mapping[Subject, str],
    act: Act | None = None,
) -> list[Item]:
    """Bring the items of these subjects to what follows from evidence, ground and a person's act.

    Every item that changed gets its next version, an entry in its trail and an event. Returns all items.
    """
    before = {i.item: i for i in board.items}
    items, issues = _with(board, act) if act else (board.items, board.issues)
    about = _by_subject(items, issues)
    after: list[Item] = []
    homes = {(i.tenant, i.issue): (i.item, i.pinned) for i in issues}
    for subject in sorted(subjects):
        filed = file(subject, *about[subject], grounds[subject[0]])
        after += filed.items
        homes |= {(subject[0], issue): (home, False) for issue, home in filed.homes.items()}
    stored = {(i.tenant, i.issue): (i.item, i.pinned) for i in board.issues}
    moved = {k: v for k, v in homes.items() if stored[k] != v}
    if moved:
        await place_issues(tx, moved)
    known = [
        stamped(
            before.get(i.item) or new_item(i.subject, i.ordinal), i, grounds[i.tenant].generation
        )
        for i in after
    ]
    fresh = [i for i in known if i != before.get(i.item)]
    if fresh:
        await repository.save_items(tx, fresh)
        await repository.add_trail(
            tx, {(i.tenant, i.item): _entry(i, before.get(i.item), why, act) for i in fresh}
        )
        tx.emit(changed(i) for i in fresh)
    return known


def _by_subject(
    items: Sequence[Item], issues: Sequence[Issue]
) -> Mapping[Subject, tuple[list[Item], list[Issue]]]:
    """Items of each subject, with its free issues and those pinned to its items."""
    found: dict[Subject, tuple[list[Item], list[Issue]]] = defaultdict(lambda: ([], []))
    subjects = {i.item: i.subject for i in items}
    for item in items:
        found[item.subject][0].append(item)
    for issue in issues:
        found[subjects[issue.item] if issue.pinned else issue.subject][1].append(issue)
    return found


def _with(board: Board, act: Act) -> tuple[list[Item], list[Issue]]:
    """Items and issues after an act: the evidence that the person saw stays with the item from now on."""
    ident = act.item.item
    items = [i for i in board.items if i.item != ident]
    issues = [
        msgspec.structs.replace(i, pinned=True) if i.item == ident else i for i in board.issues
    ]
    return [*items, act.item], issues


def _entry(item: Item, before: Item | None, why: Mapping[Subject, str], act: Act | None) -> Trail:
    mine = act if act is not None and act.item.item == item.item else None
    return Trail(
        version=item.version,
        made_by=mine.by if mine else MACHINE,
        made_at="",
        from_state=before.state if before else "",
        to_state=item.state,
        why=mine.why if mine else why.get(item.subject, ""),
        changes=trail(before or new_item(item.subject, item.ordinal), item),
    )
