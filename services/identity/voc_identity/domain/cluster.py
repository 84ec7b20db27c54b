"""Records -> persons: a pure function of the set of records, what people said, and the rules.

Only the names of persons and components tell when a record first reached voc, and nothing when it reached
identity. The result is the same for every order of the input, and the same for a component alone as for the
universe it is a part of. Cost: linear in records and keys where
the evidence agrees (nearly always); see `agglomerate` for the rest.

Evidence beyond equal values (scored pairs) belongs after `agglomerate`, as one more pass over its
clusters under the same objections (`Clusters.may_join`); its blocking keys only widen `components`.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from operator import attrgetter

from voc_identity.domain.agglomerate import agglomerate
from voc_identity.domain.components import connected, generic_values
from voc_identity.domain.manual import settle
from voc_identity.domain.names import Name, compatible
from voc_identity.domain.records import (
    RULES,
    Cut,
    Edge,
    Must,
    Partition,
    Person,
    Record,
    Rules,
    account_of,
    by_id,
    first_of,
)

_FEW_NAMES = 12


def cluster(
    records: Iterable[Record],
    edges: Iterable[Edge] = (),
    rules: Rules = RULES,
    generic: AbstractSet[bytes] = frozenset(),
) -> Partition:
    """The persons of `records`.

    `records` are whole components (`components`): with a record comes every other that holds one of
    its values, save the values in `generic`, and every one that a `Must` ties to it. `generic` are
    the values that are generic by holders of whom some are not in `records`; what is generic by
    `records` alone is found here, so that for all records of a tenant `generic` is empty. `edges` may
    name absent records.

    Raises ValueError if a record id comes twice.
    """
    ordered = sorted(records, key=by_id)
    if any(a.record_id == b.record_id for a, b in pairwise(ordered)):
        raise ValueError("a record id comes twice")
    edges = tuple(edges)
    known = generic
    if len(ordered) > min(rules.generic_names, rules.generic_ids):
        known = generic | generic_values(ordered, rules)
    parts = connected(ordered, edges, known)
    tied = _edges_by_part(ordered, parts, edges) if edges else {}
    persons: list[Person] = []
    for number, part in enumerate(parts):
        members = [ordered[i] for i in part] if len(parts) > 1 else ordered
        persons += _persons(members, tied.get(number, ()), rules, known)
    if len(persons) > 1:
        persons.sort(key=attrgetter("person_id"))
    used = (
        frozenset(k.hash for r in ordered for k in r.keys if k.hash in known)
        if known
        else frozenset[bytes]()
    )
    return Partition(tuple(persons), used)


def _edges_by_part(
    records: Sequence[Record], parts: Sequence[Sequence[int]], edges: Sequence[Edge]
) -> dict[int, list[Edge]]:
    """The edges that say something inside each part."""
    part_of = {records[i].record_id: number for number, part in enumerate(parts) for i in part}
    tied: dict[int, list[Edge]] = {}
    for edge in edges:
        if isinstance(edge, Must):
            touched = {part_of.get(edge.a)} & {part_of.get(edge.b)}
        else:
            touched = {part_of.get(r) for r in edge.left} & {part_of.get(r) for r in edge.right}
        for number in touched:
            if number is not None:
                tied.setdefault(number, []).append(edge)
    return tied


def _persons(
    records: list[Record], edges: Sequence[Edge], rules: Rules, generic: AbstractSet[bytes]
) -> list[Person]:
    """The persons of one component; `records` by id."""
    component = first_of(records)
    if not any(isinstance(edge, Cut) for edge in edges) and _agree(records, rules, generic):
        return [_person(records, component, generic)]
    verdict = settle(edges, [record.record_id for record in records])
    found = agglomerate(records, verdict, rules, generic)
    return [_person([records[i] for i in members], component, generic) for members in found]


def _agree(records: Sequence[Record], rules: Rules, generic: AbstractSet[bytes]) -> bool:
    """No two of the records object to each other, so the component is one person."""
    if len(records) == 1:
        return True
    ids: dict[str, bytes] = {}
    names: set[Name] = set()
    for record in records:
        names.add(record.name)
        for key in record.keys:
            if (
                key.hard
                and rules.ids
                and key.hash not in generic
                and ids.setdefault(key.issuer, key.hash) != key.hash
            ):
                return False
    if len(names) == 1 or not rules.names:
        return True
    # Beyond a few names comparing all of them costs more than clustering does.
    if len(names) > _FEW_NAMES:
        return False
    listed = list(names)
    return all(compatible(a, b) for i, a in enumerate(listed) for b in listed[i + 1 :])


def _person(records: Sequence[Record], component: str, generic: AbstractSet[bytes]) -> Person:
    return Person(
        first_of(records),
        tuple([record.record_id for record in records]),
        component,
        account_of(records),
        len(records) > 1 or any(key.hash not in generic for key in records[0].keys),
    )
