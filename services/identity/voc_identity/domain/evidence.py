"""Why the records of a person are together, and which persons share a value without being one."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from voc_identity.domain.records import Edge, Key, KeyKind, Must, Partition, Record, by_id


class Link(Struct, frozen=True, gc=False):
    """Records of one person that hold one value (`shown`, of `issuer`), or that a person joined (`manual`)."""

    person_id: str
    kind: KeyKind | Literal["manual"]
    records: tuple[str, ...]
    shown: str = ""
    issuer: str = ""
    seq: int = 0


class Relation(Struct, frozen=True, gc=False):
    """Persons who share a value.

    `household`: a mail address or phone of people with different names or ids. `conflict`: one
    external id, kept apart by another id or by a cut; somebody should look.
    """

    kind: Literal["household", "conflict"]
    key: Key
    persons: tuple[str, ...]


class Evidence(Struct, frozen=True, gc=False):
    """All links and relations of a partition, by person."""

    links: tuple[Link, ...]
    relations: tuple[Relation, ...]


def evidence(
    records: Iterable[Record], partition: Partition, edges: Iterable[Edge] = ()
) -> Evidence:
    """Explain `partition`, which is `cluster(records, edges, ...)`; generic values say nothing.

    A `Must` is shown only where it stands. Cost: linear in keys.
    """
    person_of = {record: person.person_id for record, person in partition.person_of().items()}
    keys: dict[bytes, Key] = {}
    holders: dict[bytes, dict[str, list[str]]] = {}
    for record in sorted(records, key=by_id):
        for key in record.keys:
            if key.hash not in partition.generic:
                keys.setdefault(key.hash, key)
                by_person = holders.setdefault(key.hash, {})
                by_person.setdefault(person_of[record.record_id], []).append(record.record_id)
    links = [*_links(keys, holders), *_manual_links(person_of, edges)]
    links.sort(key=lambda x: (x.person_id, x.kind, x.issuer, x.shown, x.records, x.seq))
    relations = tuple(
        Relation(
            "conflict" if keys[value].hard else "household",
            keys[value],
            tuple(sorted(by_person)),
        )
        for value, by_person in sorted(holders.items())
        if len(by_person) > 1
    )
    return Evidence(tuple(links), relations)


def _links(keys: dict[bytes, Key], holders: dict[bytes, dict[str, list[str]]]) -> Iterable[Link]:
    for value, by_person in holders.items():
        key = keys[value]
        for person, members in by_person.items():
            if len(members) > 1:
                yield Link(person, key.kind, tuple(members), key.shown, key.issuer)


def _manual_links(person_of: dict[str, str], edges: Iterable[Edge]) -> Iterable[Link]:
    for edge in edges:
        if isinstance(edge, Must) and edge.a in person_of:
            person = person_of[edge.a]
            if person == person_of.get(edge.b):
                pair = tuple(sorted((edge.a, edge.b)))
                yield Link(person, "manual", pair, seq=edge.seq)
