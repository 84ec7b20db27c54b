"""Values that link, and which records hold them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import blobs, numbers, texts, unnest

from voc_identity.repository.shapes import (
    HASH,
    HASHES,
    ID,
    OF_R,
    WANTED_HASHES,
    HashKey,
    KeyState,
    Row,
    hashes,
    row,
)


async def claim_keys(tx: Transaction, likely: Mapping[HashKey, str]) -> set[HashKey]:
    """Make the rows of values that have none, with the component that each will most likely be of; returns which were made.

    Two transactions with the same new value meet here: the second waits for the first to end, and then has
    to look again, which shows it the component. Sorted, so that they cannot wait for each other.
    """
    found: Any = await tx.rows(
        "insert into identity.key (tenant, hash, component) "
        f"select * from {unnest(HASH | {'component': 'text'})} "
        "on conflict do nothing returning tenant, hash",
        component=texts([likely[k] for k in sorted(likely)]),
        **hashes(likely),
    )
    return {(r[0], r[1]) for r in found}


async def hold_free(tx: Transaction, keys: Iterable[HashKey]) -> None:
    """Keep values that nobody holds any more from all others that bring them, until the end; sorted.

    Their rows are there, so nobody waits to make them, and no component's lock orders them.
    """
    await tx.rows(
        f"select 1 from identity.key as k join {WANTED_HASHES} "
        "on k.tenant = wanted.tenant and k.hash = wanted.hash order by k.tenant, k.hash "
        "for no key update of k",
        **hashes(keys),
    )


async def hold_generic(
    tx: Transaction, adding: Iterable[HashKey], removing: Iterable[HashKey]
) -> None:
    """Keep generic values as they are until the end: additions share, a removal is alone.

    A generic value has no component whose lock would order its changes; without this, a removal
    could count the names without an addition that commits a moment later.
    """
    alone = set(removing)
    for keys, mode in ((set(adding) - alone, "share"), (alone, "update")):
        if keys:
            await tx.rows(
                f"select 1 from identity.key as k join {WANTED_HASHES} "
                f"on k.tenant = wanted.tenant and k.hash = wanted.hash where k.generic "
                f"order by k.tenant, k.hash for {mode} of k",
                **hashes(keys),
            )


async def look_up(tx: Transaction, keys: Iterable[HashKey]) -> dict[HashKey, KeyState]:
    """What is known of these values now."""
    found: Any = await tx.rows(
        f"select x.tenant, k.hash, k.component, k.generic from {HASHES} "
        "cross join lateral (select k.hash, k.component, k.generic from identity.key as k "
        "where k.tenant = x.tenant and k.hash = any(x.wanted) offset 0) as k",
        **hashes(keys),
    )
    return {(r[0], r[1]): KeyState(r[2], r[3]) for r in found}


async def holders(tx: Transaction, keys: Iterable[HashKey]) -> list[Row]:
    """Records that hold any of these generic values: at least one of each profile in each component."""
    found = await tx.rows(
        f"select distinct {OF_R} from identity.holder as h "
        f"join {WANTED_HASHES} on h.tenant = wanted.tenant and h.hash = wanted.hash "
        "join identity.record as r on r.tenant = h.tenant and r.record_id = h.record_id",
        **hashes(keys),
    )
    return [row(r) for r in found]


KEYS = (
    "update identity.key as k set component = x.component, generic = x.generic "
    f"from {unnest(HASH | {'component': 'text', 'generic': 'bool'}, named='keys_')} "
    "where k.tenant = x.tenant and k.hash = x.hash"
)
"""Writes what is now known of values."""
LEFT = (
    f"delete from identity.holder as h using {unnest(HASH | ID, named='left_')} "
    "where h.tenant = x.tenant and h.hash = x.hash and h.record_id = x.id"
)
HELD = (
    "insert into identity.holder (tenant, hash, record_id) "
    f"select * from {unnest(HASH | ID, named='held_')} on conflict do nothing"
)
"""Write which records hold which generic values, and which no longer do."""


def keys_written(states: Mapping[HashKey, KeyState]) -> dict[str, str]:
    """The parameters of `KEYS`."""
    ordered = sorted(states)
    return {f"keys_{name}": column for name, column in hashes(ordered).items()} | {
        "keys_component": texts([states[k].component for k in ordered]),
        "keys_generic": numbers([states[k].generic for k in ordered]),
    }


def holders_written(
    held: Collection[tuple[str, bytes, str]], left: Collection[tuple[str, bytes, str]]
) -> dict[str, str]:
    """The parameters of `HELD` and `LEFT`: (tenant, hash, record id)."""
    return _holders("held_", held) | _holders("left_", left)


def _holders(named: str, held: Iterable[tuple[str, bytes, str]]) -> dict[str, str]:
    ordered = sorted(held)
    return {
        f"{named}tenant": texts([t for t, _, _ in ordered]),
        f"{named}hash": blobs([h for _, h, _ in ordered]),
        f"{named}id": texts([i for _, _, i in ordered]),
    }
