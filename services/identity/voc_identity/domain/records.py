"""What clustering reads and what it returns."""

from collections.abc import Iterable
from hashlib import blake2b
from operator import attrgetter
from typing import Literal

import msgspec
from msgspec import Struct

from voc_identity.domain.names import ABSENT, Name

_encode = msgspec.msgpack.Encoder().encode

KeyKind = Literal["external", "email", "phone"]

STRENGTH: dict[str, int] = {"external": 0, "email": 1, "phone": 2}
"""Kinds of keys in the order in which they are believed."""


class Key(Struct, frozen=True, gc=False, array_like=True):
    """One value that may link records: equal hashes mean the same value of the same kind and issuer.

    `hash` is 16 bytes of keyed blake2b. `issuer` is set for external ids alone: an issuer gives a person
    one id, so two of its ids are two persons. `shown` is the value for people to read; nothing is
    decided by it.
    """

    kind: KeyKind
    hash: bytes
    issuer: str = ""
    shown: str = ""

    @property
    def hard(self) -> bool:
        """The value is unique in its issuer and names one person, whatever the names say."""
        return self.kind == "external"


class Record(Struct, frozen=True, gc=False):
    """An atom: one object of a source with all that may decide whose it is.

    `keys` holds no hash twice and no two external ids of one issuer (`normalise` sees to both).
    `accounts` are the company ids, `domains` the business domains of its mail addresses.
    """

    record_id: str
    keys: tuple[Key, ...] = ()
    name: Name = ABSENT
    accounts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def of(self, record_id: str) -> "Record":
        """The atom of another object that tells the same."""
        return Record(record_id, self.keys, self.name, self.accounts, self.domains)


_decode = msgspec.msgpack.Decoder(
    tuple[tuple[Key, ...], Name, tuple[str, ...], tuple[str, ...]]
).decode


def atom_of(record: Record) -> bytes:
    """What is stored of a record: all but its id, as a MessagePack array."""
    return _encode((record.keys, record.name, record.accounts, record.domains))


def record_of(record_id: str, atom: bytes) -> Record:
    """The record of which this is stored."""
    return Record(record_id, *_decode(atom))


def profile_of(record: Record, atom: bytes) -> bytes:
    """A hash of what is stored of a record, 16 bytes; empty if nothing links it."""
    return blake2b(atom, digest_size=16).digest() if record.keys else b""


class Must(Struct, frozen=True, gc=False):
    """A person said that two records are one person's. `seq` orders what people said."""

    seq: int
    a: str
    b: str


class Cut(Struct, frozen=True, gc=False):
    """A person said that no record of `left` is of one person with a record of `right`."""

    seq: int
    left: frozenset[str]
    right: frozenset[str]


Edge = Must | Cut


class Rules(Struct, frozen=True, gc=False):
    """What is believed, as data. A new `version` is a new partition of everything.

    A value is generic, and links nothing, if the records that hold it have more than `generic_names`
    distinct given names or more than `generic_ids` distinct external ids of one issuer. `names` and
    `ids` are the guards of name compatibility and of one id per issuer.
    """

    version: int = 1
    generic_names: int = 20
    generic_ids: int = 20
    names: bool = True
    ids: bool = True


RULES = Rules()


class Person(Struct, frozen=True, gc=False):
    """A set of records by id, which is by time. `person_id` is the first of them.

    Named by the earliest, a person keeps its name while records come in the order of their making; a name
    by hash would change with the n-th record in one of n cases, and tell of n - 1 records each time.

    `component` names the records that were looked at together: it is the first record of those.
    `account` may be empty. A person who is not `identifiable` is one record without a usable key:
    the bus says person "" for it.
    """

    person_id: str
    members: tuple[str, ...]
    component: str
    account: str
    identifiable: bool


class Partition(Struct, frozen=True, gc=False):
    """Every record in exactly one person, persons by id; `generic` are hashes that linked nothing."""

    persons: tuple[Person, ...]
    generic: frozenset[bytes] = frozenset()

    def person_of(self) -> dict[str, Person]:
        """Record id -> its person."""
        return {record: person for person in self.persons for record in person.members}


by_id = attrgetter("record_id")
"""Sort key of records."""


def account_of(records: Iterable[Record]) -> str:
    """The account of a person: the most frequent account key, ties to the smallest.

    Without one, `domain:` and the most frequent business domain; without that, empty.
    """
    accounts: dict[str, int] = {}
    domains: dict[str, int] = {}
    for record in records:
        for account in record.accounts:
            accounts[account] = accounts.get(account, 0) + 1
        for domain in record.domains:
            domains[domain] = domains.get(domain, 0) + 1
    if accounts:
        return _most_frequent(accounts)
    return "domain:" + _most_frequent(domains) if domains else ""


def follows(record: Record, account: str) -> bool:
    """Whether a person of this account keeps it when one more record like one of its own is added.

    All else that clustering looks at are sets of values, names and people's words, to which a record adds
    nothing that another of the same profile has not said (`agglomerate` joins those first of all).
    """
    if record.accounts:
        return record.accounts == (account,)
    if record.domains and account.startswith("domain:"):
        return record.domains == (account.removeprefix("domain:"),)
    return True


def _most_frequent(counts: dict[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    most = max(counts.values())
    return min(key for key, count in counts.items() if count == most)
