"""Decide in the database which arrivals are new revisions: the plain case for all of them at once."""

from collections.abc import Mapping, Sequence

from voc_common import versions
from voc_common.postgres import Transaction

from voc_ingest.domain.revisions import Arrival, Latest, Outcome, older, settle, state
from voc_ingest.repository import records


async def settled(
    tx: Transaction, tenant: str, arrived: Sequence[tuple[str, Arrival]]
) -> tuple[list[Outcome], bool]:
    """What becomes of each (record_id, arrival), and whether all the records are new; stores the latest revisions.

    They are given in order of record ids, and those of a record in order of receipt. One statement takes the first
    arrival of every record if it is plainly newer, and locks all the records; what it left is looked at in new
    statements, which see the last state behind those locks.
    """
    places: dict[str, list[int]] = {}
    for place, (record_id, _) in enumerate(arrived):
        places.setdefault(record_id, []).append(place)
    proposed: dict[str, tuple[str, str, int]] = {}
    for record_id, mine in places.items():
        one = arrived[mine[0]][1]
        version = versions.revision(one.stamp, one.received_at, one.content)
        proposed[record_id] = (record_id, version, one.received_at)
    newer, new = await records.take_newer(tx, tenant, list(proposed.values()))
    outcomes: dict[int, Outcome] = {}
    closer: dict[str, list[int]] = {}
    for record_id, mine in places.items():
        if record_id in newer:
            _, version, received_at = proposed[record_id]
            outcomes[mine[0]] = Outcome("accepted", version, received_at, newer[record_id])
            if len(mine) > 1:
                closer[record_id] = mine[1:]
        else:
            closer[record_id] = mine
    if closer:
        waiting = {r: [arrived[p][1] for p in mine] for r, mine in closer.items()}
        just = {r: state(proposed[r][1]) for r in closer if r in newer}
        decided = await _looked_at(tx, tenant, waiting, just)
        for record_id, mine in closer.items():
            outcomes |= dict(zip(mine, decided[record_id], strict=True))
    return [outcomes[place] for place in range(len(arrived))], new


async def _looked_at(
    tx: Transaction,
    tenant: str,
    waiting: Mapping[str, Sequence[Arrival]],
    just: Mapping[str, str],
) -> dict[str, list[Outcome]]:
    """Decide over repeats, erased records, states out of order, and several states at once.

    `just` are the states taken by this transaction that the archive does not hold yet.
    """
    latest = await records.latest(tx, tenant, list(waiting))
    out_of_order = [
        record_id
        for record_id, mine in waiting.items()
        if len(mine) > 1 or older(mine[0], latest[record_id])
    ]
    kept: dict[str, list[str]] = {}
    if out_of_order:
        kept = await records.archived_revisions(tx, tenant, out_of_order)
    decided: dict[str, list[Outcome]] = {}
    changed: dict[str, Latest] = {}
    for record_id, mine in waiting.items():
        known = [state(r) for r in kept.get(record_id, ())]
        if record_id in just:
            known.append(just[record_id])
        after, decided[record_id] = settle(latest[record_id], mine, known)
        if after != latest[record_id]:
            changed[record_id] = after
    if changed:
        await records.set_latest(tx, tenant, changed)
    return decided
