"""Groups: the row of a person is the lock on all its records and says where it was last."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, texts, unnest
from voc_common.postgres.keys import KEYS, NAMES, by_tenant

from voc_scorecard.domain.facts import Fact
from voc_scorecard.domain.latest import Latest
from voc_scorecard.repository.records import columns, read_fact

PersonKey = tuple[str, str]

_encode = msgspec.msgpack.Encoder().encode
_latest = msgspec.msgpack.Decoder(Latest).decode

_PERSON = {"tenant": "text", "person": "text"}

MAKE = (
    "insert into scorecard.person (tenant, person, latest) select * from "
    f"unnest({array('tenant', 'text')}, {array('person', 'text')}, cast(:latest as bytea[])) "
    "on conflict (tenant, person) do nothing returning tenant, person, ctid"
)
LOCK = (
    f"select p.* from {KEYS} cross join lateral ("
    "select tenant, person, ctid as place, latest from scorecard.person "
    f"where tenant = x.tenant and person = any({NAMES}) order by person for no key update) p"
)
KEEP = (
    "update scorecard.person p set latest = x.latest "
    "from unnest(cast(cast(:kept_place as text) as tid[]), cast(:kept_latest as bytea[])) as x(place, latest) "
    "where p.ctid = x.place"
)
"""Stores where persons were last; its parameters are made by `keeping`."""

Place = tuple[int, int]
"""Where a row is; it stays there for as long as it is locked and not written."""


class Held(Struct, frozen=True, gc=False):
    """A person's row that is locked: its place, and what it says of where the person was last."""

    place: Place
    stored: bytes | None

    def latest(self) -> Latest | None:
        """Where the person was last; None: to be found in its records."""
        return None if self.stored is None else _latest(self.stored)


class Kept(Struct, frozen=True, gc=False):
    """What a person's row is to say, and its place."""

    place: Place
    stored: bytes


def kept(place: Place, latest: Latest) -> Kept:
    """Where a person was last, to be stored at its place."""
    return Kept(place, _encode(latest))


def _keys(persons: Iterable[PersonKey]) -> dict[str, str]:
    ordered = list(persons)
    return {"tenant": texts([t for t, _ in ordered]), "person": texts([p for _, p in ordered])}


async def lock(tx: Transaction, persons: Iterable[PersonKey]) -> dict[PersonKey, Held]:
    """Take the rows of those persons (sorted) who have one, so that no other worker counts their records now.

    Members must be read in a statement after this one: only that sees what the last holder wrote.
    """
    rows: Any = await tx.rows(LOCK, **by_tenant(persons))
    return {(tenant, person): Held(place, stored) for tenant, person, place, stored in rows}


async def make(
    tx: Transaction, latest: Mapping[PersonKey, Latest | None]
) -> dict[PersonKey, Place]:
    """Make the rows of new persons (sorted), and take them; returns where they are.

    Not those that another worker has made: that had to be waited for, so they are there now, and can be locked.
    """
    stored = [None if each is None else _encode(each) for each in latest.values()]
    rows: Any = await tx.rows(MAKE, **_keys(latest), latest=stored)
    return {(tenant, person): place for tenant, person, place in rows}


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


def keeping(kept: Sequence[Kept]) -> dict[str, str | list[bytes]]:
    """The parameters of `KEEP`."""
    places = ",".join([f'"({k.place[0]},{k.place[1]})"' for k in kept])
    return {"kept_place": f"{{{places}}}", "kept_latest": [k.stored for k in kept]}
