"""Which records must be looked at together, and which values are too widely held to say anything."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from voc_identity.domain.records import RULES, Edge, Must, Record, Rules, by_id, first_of


class Forest:
    """Union-find over 0..n-1 whose root is the smallest member."""

    __slots__ = ("parent",)

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, i: int) -> int:
        """The smallest member of i's set."""
        parent = self.parent
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def union(self, a: int, b: int) -> int:
        """Make one set of both; returns its root."""
        a, b = self.find(a), self.find(b)
        if a > b:
            a, b = b, a
        self.parent[b] = a
        return a

    def sets(self) -> list[list[int]]:
        """All sets, members ascending, ordered by their roots."""
        found: dict[int, list[int]] = {}
        for i in range(len(self.parent)):
            found.setdefault(self.find(i), []).append(i)
        return list(found.values())


def is_generic(names: int, ids: int, rules: Rules = RULES) -> bool:
    """Whether a value links nothing, by what the records that hold it *now* say, all of them.

    `names` is the number of their distinct `Name.head`s (empty ones apart), `ids` the greatest number
    of distinct external ids that they hold of one issuer. Both counts are of the whole universe: a
    part of the holders would make the answer depend on who asks.
    """
    return names > rules.generic_names or ids > rules.generic_ids


def generic_values(records: Iterable[Record], rules: Rules = RULES) -> frozenset[bytes]:
    """The generic hashes among the keys of `records`.

    Right for every value all of whose holders are in `records`. Of another it may miss that it is
    generic but never calls it so wrongly: more holders only add names and ids.
    """
    listed = list(records)
    holders: dict[bytes, int] = {}
    for record in listed:
        for key in record.keys:
            holders[key.hash] = holders.get(key.hash, 0) + 1
    least = min(rules.generic_names, rules.generic_ids)
    many = {value for value, count in holders.items() if count > least}
    if not many:
        return frozenset()
    heads: dict[bytes, set[str]] = {value: set() for value in many}
    ids: dict[bytes, dict[str, set[bytes]]] = {value: {} for value in many}
    for record in listed:
        for key in record.keys:
            if key.hash in many:
                if record.name.head:
                    heads[key.hash].add(record.name.head)
                for other in record.keys:
                    if other.hard and other is not key:
                        ids[key.hash].setdefault(other.issuer, set()).add(other.hash)
    return frozenset(
        value
        for value in many
        if is_generic(len(heads[value]), max(map(len, ids[value].values()), default=0), rules)
    )


def connected(
    records: Sequence[Record], edges: Iterable[Edge], generic: AbstractSet[bytes]
) -> list[list[int]]:
    """Positions in `records` that share a value not in `generic`, or that a `Must` names; transitively.

    A `Must` counts even where a later `Cut` voids it, and one to an absent record does not. A name or
    id conflict does not part a component: it is decided inside. If `records` are sorted by id,
    so are the components and their members.
    """
    forest = Forest(len(records))
    first: dict[bytes, int] = {}
    for i, record in enumerate(records):
        for key in record.keys:
            j = first.setdefault(key.hash, i)
            if j != i and key.hash not in generic:
                forest.union(i, j)
    position: dict[str, int] = {}
    for edge in edges:
        if isinstance(edge, Must):
            position = position or {record.record_id: i for i, record in enumerate(records)}
            a, b = position.get(edge.a), position.get(edge.b)
            if a is not None and b is not None:
                forest.union(a, b)
    return forest.sets()


def components(
    records: Iterable[Record], edges: Iterable[Edge] = (), generic: AbstractSet[bytes] = frozenset()
) -> dict[str, str]:
    """Record id -> component id: of the records it is connected with the one that first reached voc.

    `generic` are the values that hold nothing together; see `generic_values`.
    """
    ordered = sorted(records, key=by_id)
    return {
        ordered[i].record_id: name
        for part in connected(ordered, edges, generic)
        for name in [first_of(ordered[i] for i in part)]
        for i in part
    }
