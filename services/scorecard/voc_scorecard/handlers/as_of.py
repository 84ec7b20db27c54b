"""Numbers as they were once: what has changed since is taken back by the same functions that counted it."""

from collections import defaultdict
from collections.abc import Mapping

from voc_common.postgres import Transaction

from voc_scorecard.domain.contributions import Delta, Moved
from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.persons import Moves, recount
from voc_scorecard.repository import groups, journal
from voc_scorecard.repository.groups import PersonKey

MOST = 50_000
"""Changes that are taken back for one read."""


class TooFarBack(Exception):
    """So much has changed since, or the counters are younger: the message says which."""


async def taken_back(tx: Transaction, tenant: str, as_of: int) -> Mapping[str, Moved]:
    """What to add to the counters, by table, so that they are as of `as_of` (UTC microseconds; 0: now).

    Erased records are not brought back. Raises `TooFarBack`.
    """
    if not as_of:
        return {}
    changes = await changed(tx, tenant, as_of)
    delta = Delta()
    persons: dict[PersonKey, Moves] = defaultdict(Moves)
    for then, now in changes.values():
        delta.record(tenant, now, then)
        if now is not None and now.person:
            persons[tenant, now.person].went.append(now)
        if then is not None and then.person:
            persons[tenant, then.person].came.append(then)
    members = await groups.members(tx, sorted(persons)) if persons else {}
    for key, moves in persons.items():
        recount(delta, tenant, moves, members.get(key, []))
    return delta.moved()


async def changed(
    tx: Transaction, tenant: str, as_of: int
) -> Mapping[str, tuple[Fact | None, Fact | None]]:
    """Facts that were others then: record -> (then, now). Raises `TooFarBack`."""
    if as_of < await journal.rebuilt_at(tx, tenant):
        raise TooFarBack("the numbers were counted anew after that moment")
    changes = await journal.changes_since(tx, tenant, as_of, MOST)
    if changes is None:
        raise TooFarBack(f"more than {MOST} records have changed since; ask for a later moment")
    return changes
