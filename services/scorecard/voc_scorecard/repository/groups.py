"""Groups: the row of a person is the lock on all its records and says where it was last."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import texts, unnest

from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.latest import NOBODY, Latest
from voc_scorecard.repository.records import columns, read_fact

PersonKey = tuple[str, str]

_encode = msgspec.json.Encoder().encode
_latest = msgspec.json.Decoder(Latest).decode

_PERSON = {"tenant": "text", "person": "text"}

MAKE = (
    "insert into scorecard.person (tenant, person, latest) "
    f"select tenant, person, '' from {unnest(_PERSON)} on conflict (tenant, person) do nothing"
)
LOCK = (
    f"select p.tenant, p.person, p.latest from scorecard.person p join {unnest(_PERSON)} "
    "on p.tenant = x.tenant and p.person = x.person order by p.tenant, p.person for no key update of p"
)


def _keys(persons: Sequence[PersonKey]) -> dict[str, str]:
    return {"tenant": texts([t for t, _ in persons]), "person": texts([p for _, p in persons])}


async def lock(tx: Transaction, persons: Sequence[PersonKey]) -> dict[PersonKey, Latest | None]:
    """Take the group rows of these persons (sorted), so that no other worker counts their records now.

    Returns where each was last, None where that must be found in its records. Members must be read in a
    statement after this one: only that sees what the last holder wrote.
    """
    keys = _keys(persons)
    # A row that another worker is making is waited for here, so that the lock finds it.
    await tx.run(MAKE, **keys)
    rows: Any = await tx.rows(LOCK, **keys)
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


async def keep(tx: Transaction, latest: Mapping[PersonKey, Latest]) -> None:
    """Store where these persons were last."""
    ordered = sorted(latest)
    await tx.run(
        f"update scorecard.person p set latest = x.latest from {unnest(_PERSON | {'latest': 'text'})} "
        "where p.tenant = x.tenant and p.person = x.person",
        **_keys(ordered),
        latest=texts([_encode(latest[key]).decode() for key in ordered]),
    )
