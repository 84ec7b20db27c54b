"""Groups: the row of a person is the lock on all its records and says where it was last."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, texts, unnest

from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.latest import NOBODY, Latest
from voc_scorecard.repository.records import columns, read_fact

PersonKey = tuple[str, str]

_encode = msgspec.msgpack.Encoder().encode
_latest = msgspec.msgpack.Decoder(Latest).decode

_PERSON = {"tenant": "text", "person": "text"}

MAKE = (
    "insert into scorecard.person (tenant, person, latest) "
    f"select tenant, person, '' from {unnest(_PERSON)} on conflict (tenant, person) do nothing "
    "returning tenant, person"
)
LOCK = (
    f"select p.tenant, p.person, p.latest from scorecard.person p join {unnest(_PERSON)} "
    "on p.tenant = x.tenant and p.person = x.person order by p.tenant, p.person for no key update of p"
)
KEEP = (
    "update scorecard.person p set latest = x.latest "
    f"from unnest({array('kept_tenant', 'text')}, {array('kept_person', 'text')}, cast(:kept_latest as bytea[])) "
    "as x(tenant, person, latest) "
    "where p.tenant = x.tenant and p.person = x.person"
)
"""Stores where persons were last; its parameters are made by `keeping`."""


def _keys(persons: Sequence[PersonKey]) -> dict[str, str]:
    return {"tenant": texts([t for t, _ in persons]), "person": texts([p for _, p in persons])}


async def lock(tx: Transaction, persons: Sequence[PersonKey]) -> dict[PersonKey, Latest | None]:
    """Take the group rows of these persons (sorted), so that no other worker counts their records now.

    Returns where each was last, None where that must be found in its records. Members must be read in a
    statement after this one: only that sees what the last holder wrote.
    """
    found = await _locked(tx, persons)
    if missing := [key for key in persons if key not in found]:
        # Known ones are locked before these: two workers that make each other's deadlock, and one tries again.
        made: Any = await tx.rows(MAKE, **_keys(missing))
        found |= dict.fromkeys([(tenant, person) for tenant, person in made], NOBODY)
        # One that another worker was making is there now: making it had to wait for the other's end.
        if raced := [key for key in missing if key not in found]:
            found |= await _locked(tx, raced)
    return found


async def _locked(tx: Transaction, persons: Sequence[PersonKey]) -> dict[PersonKey, Latest | None]:
    rows: Any = await tx.rows(LOCK, **_keys(persons))
    return {
        (tenant, person): _latest(latest) if latest else None if latest is None else NOBODY
        for tenant, person, latest in rows
    }


async def members(tx: Transaction, persons: Sequence[PersonKey]) -> dict[PersonKey, list[Fact]]:
    """The counted records of these persons."""
    # A lateral subquery keeps the plan at one index look-up a person, whatever the statistics say.
    rows = await tx.rows(
        f"select r.* from {unnest(_PERSON)} cross join lateral ("
        f"select tenant, {columns()} from scorecard.record r where r.tenant = x.tenant and r.person = x.person "
        "and r.person <> '' and r.rev_version <> '' offset 0) r",
        **_keys(persons),
    )
    return _by_person(rows)


def _by_person(rows: Any) -> dict[PersonKey, list[Fact]]:
    found: dict[PersonKey, list[Fact]] = defaultdict(list)
    for tenant, *values in rows:
        found[tenant, values[1]].append(read_fact(values))
    return found


def keeping(latest: Mapping[PersonKey, Latest]) -> dict[str, str | list[bytes]]:
    """The parameters of `KEEP`."""
    ordered = sorted(latest)
    keys = _keys(ordered)
    return {
        "kept_tenant": keys["tenant"],
        "kept_person": keys["person"],
        "kept_latest": [_encode(latest[key]) for key in ordered],
    }
