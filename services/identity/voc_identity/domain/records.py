"""What clustering reads and what it returns."""

from collections.abc import Callable, Iterable, Sequence
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
    `accounts` are the company ids, `domains` the business domains of its mail addresses. `first` is what may name
    a person: when a record first reached voc, and its id; of one that speaks for others, the first of them all.
    """

    record_id: str
    keys: tuple[Key, ...] = ()
    name: Name = ABSENT
    accounts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    first: tuple[int, str] = (0, "")

    def of(self, record_id: str, first_at: int = 0) -> "Record":
        """The atom of another object that tells the same, and first reached voc then."""
        told = (self.keys, self.name, self.accounts, self.domains)
        return Record(record_id, *told, (first_at, record_id))


_decode = msgspec.msgpack.Decoder(
    tuple[tuple[Key, ...], Name, tuple[str, ...], tuple[str, ...]]
).decode


def atom_of(record: Record) -> bytes:
    """What is stored of a record: all that it tells, as a MessagePack array."""
    return _encode((record.keys, record.name, record.accounts, record.domains))


def record_of(record_id: str, atom: bytes, first_at: int = 0) -> Record:
    """The record of which this is stored."""
    return Record(record_id, *_decode(atom), (first_at, record_id))


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
    """A set of records by id. `person_id` is the one of them that first reached voc.

    Named so, a person keeps its name in whatever order a history of it is told. A name by time of making
    would change with each record of a history that comes newest first, one by hash with the n-th record in one
    of n cases, and tell of n - 1 records each time.

    `component` names the records that were looked at together: it is the one of those that came first.
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


def first_of(records: Iterable[Record]) -> str:
    """The id of the record that reached voc before the others, which names them."""
    return min(map(_first, records))[1]


_first = attrgetter("first")


def account_of(records: Sequence[Record]) -> str:
    """The account of a person: the key that most different records name, of equals the one named first.

    Without one, `domain:` and the business domain by the same rule; without that, empty. `records` are
    in order of ids. Those that tell exactly the same count once: an account that repetition could tip would
    restate all that its person ever said whenever one of two accounts is named once more.
    """
    account = _most_named(records, _accounts)
    if account:
        return account
    domain = _most_named(records, _domains)
    return "domain:" + domain if domain else ""


_accounts = attrgetter("accounts")
_domains = attrgetter("domains")


def _most_named(records: Sequence[Record], named: Callable[[Record], tuple[str, ...]]) -> str:
    counts = dict.fromkeys([value for record in records for value in named(record)], 0)
    if len(counts) < 2:
        return next(iter(counts), "")
    for record in {record.of("") for record in records}:
        for value in named(record):
            counts[value] += 1
    return max(counts, key=counts.__getitem__)
