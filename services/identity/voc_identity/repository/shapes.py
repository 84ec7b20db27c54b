"""The rows of identity, and keys as parameters of statements."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from voc_common.postgres.arrays import blobs, texts, unnest

from voc_identity.domain.records import Record, record_of

RecordKey = tuple[str, str]
"""Tenant and record id; a component is named by one of its records."""

HashKey = tuple[str, bytes]
"""Tenant and the hash of a value."""


class Row(Struct, frozen=True, gc=False):
    """A record as identity keeps it; emptied once erased.

    `identifiers` are the encoded identifiers as they came, `atom` the encoded `Record` that clustering
    reads, `profile` a hash of all of it but the id. `counter` counts the attributions that the record has
    had, `first_at` is when it first reached voc. `manual` says that people have said something of a record of its component.
    """

    tenant: str
    record_id: str
    rev_version: str = ""
    source: str = ""
    occurred_at: int = 0
    identifiers: bytes = b""
    atom: bytes = b""
    component: str = ""
    person: str = ""
    account: str = ""
    counter: int = 0
    decided_at: int = 0
    erased: bool = False
    profile: bytes = b""
    manual: bool = False
    first_at: int = 0

    @property
    def key(self) -> RecordKey:
        """Tenant and record id."""
        return self.tenant, self.record_id

    @property
    def record(self) -> Record:
        """What clustering reads of it."""
        return record_of(self.record_id, self.atom, self.first_at)


class Noted(Struct, frozen=True, gc=False):
    """The record that is noted of a profile and how it was seen to stand: where it is, another like it belongs too.

    Without a component it no longer tells what the profile says. `place` and `made_by` are the row's ctid and
    xmin, the transaction that wrote it, as text: as long as a row of both can be seen, it is as it was.
    """

    record_id: str
    component: str
    person: str
    account: str
    manual: bool
    first_at: int
    place: str
    made_by: str


class KeyState(Struct, frozen=True, gc=False):
    """What is known of a value: the component of its holders, or that it links nobody."""

    component: str
    generic: bool


class EdgeRow(Struct, frozen=True, gc=False, kw_only=True):
    """A manual edge: `must` ties the first of `left` to the first of `right`, `cut` parts the two."""

    tenant: str
    edge: int
    kind: str
    left_records: list[str]
    right_records: list[str]


COLUMNS = ", ".join(Row.__struct_fields__)
OF_R = ", ".join(f"r.{c}" for c in Row.__struct_fields__)
ID = {"tenant": "text", "id": "text"}
HASH = {"tenant": "text", "hash": "bytea"}
WANTED_HASHES = unnest(HASH, "wanted")


def by_tenant(value: str, kind: str, named: str = "") -> str:
    """SQL for keys gathered by tenant, in that order: each a `tenant` with all of its `wanted`.

    Equal to any of those, an index is walked once, in its own order, instead of searched for each.
    """
    keys = unnest({"tenant": "text", value: kind}, "x", named)
    return f"(select tenant, array_agg({value}) as wanted from {keys} group by tenant order by tenant offset 0) as x"


IDS = by_tenant("id", "text")
HASHES = by_tenant("hash", "bytea")


def ids(keys: Iterable[RecordKey]) -> dict[str, str]:
    """Record keys as the parameters of `ID`, sorted."""
    ordered = sorted(keys)
    return {"tenant": texts([t for t, _ in ordered]), "id": texts([i for _, i in ordered])}


def hashes(keys: Iterable[HashKey]) -> dict[str, str]:
    """Keys of values as the parameters of `HASH`, sorted."""
    ordered = sorted(keys)
    return {"tenant": texts([t for t, _ in ordered]), "hash": blobs([h for _, h in ordered])}


def row(found: Any) -> Row:
    """A record of its `COLUMNS`."""
    return Row(*found)
