"""Clusters of records within a component, and what objects to two of them being one person."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from voc_identity.domain.components import Forest
from voc_identity.domain.manual import Verdict
from voc_identity.domain.names import compatible
from voc_identity.domain.records import Record, Rules


def bits(mask: int) -> Iterator[int]:
    """The positions of the ones in `mask`, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Clusters:
    """Clusters of records by position, with what objects to joining two of them."""

    def __init__(
        self, records: Sequence[Record], verdict: Verdict, rules: Rules, generic: AbstractSet[bytes]
    ) -> None:
        self.forest = Forest(len(records))
        self.find = self.forest.find
        distinct = {record.name: 0 for record in records if rules.names and not record.name.absent}
        self._names = list(distinct)
        number = {name: i for i, name in enumerate(self._names)}
        # Sets of distinct names are bit masks; of each name, those it was compared with and those it objects to.
        self._compared = [0] * len(distinct)
        self._foes = [0] * len(distinct)
        self.names = [1 << number[r.name] if r.name in number else 0 for r in records]
        self.levels = [record.name.level for record in records]
        self.ids: list[dict[str, set[bytes]]] = [
            {k.issuer: {k.hash} for k in r.keys if k.hard and k.hash not in generic}
            if rules.ids
            else {}
            for r in records
        ]
        self.left = [0] * len(records)
        self.right = [0] * len(records)
        # Names that people, or an external id, said are one person's in spite of themselves.
        self.sworn: list[tuple[int, ...]] = [()] * len(records)
        for bit, (left, right) in enumerate(verdict.apart):
            for i in left:
                self.left[i] |= 1 << bit
            for i in right:
                self.right[i] |= 1 << bit
        for joined in verdict.joined:
            first, *others = sorted(joined)
            for other in others:
                self.join(first, other)

    def join(self, a: int, b: int) -> int:
        """Make one cluster of two roots, unconditionally; returns its root, the smaller of them."""
        a, b = (a, b) if a < b else (b, a)
        self.forest.parent[b] = a
        self.names[a] |= self.names[b]
        self.levels[a] = max(self.levels[a], self.levels[b])
        for issuer, values in self.ids[b].items():
            self.ids[a].setdefault(issuer, set()).update(values)
        self.left[a] |= self.left[b]
        self.right[a] |= self.right[b]
        self.sworn[a] += self.sworn[b]
        return a

    def may_join(self, a: int, b: int, *, names: bool = True) -> bool:
        """Whether nothing objects to the roots `a` and `b` being one person."""
        if self.left[a] & self.right[b] or self.right[a] & self.left[b]:
            return False
        other = self.ids[b]
        for issuer, values in self.ids[a].items():
            if issuer in other and values.isdisjoint(other[issuer]):
                return False
        return not names or self._named_alike(a, b)

    def _named_alike(self, a: int, b: int) -> bool:
        x, y = self.names[a], self.names[b]
        if x.bit_count() > y.bit_count():
            x, y = y, x
        sworn = self.sworn[a] + self.sworn[b]
        if not sworn:
            return not any(self._first_foe(i, y) for i in bits(x))
        return all(
            not self._object(i, j) or self._excused(i, j, sworn) for i in bits(x) for j in bits(y)
        )

    def _first_foe(self, i: int, names: int) -> int:
        """A mask of some of `names` that object to name `i`; 0 if none does."""
        unknown = names & ~self._compared[i]
        while not (found := self._foes[i] & names) and unknown:
            lowest = unknown & -unknown
            unknown ^= lowest
            self._compare(i, lowest.bit_length() - 1)
        return found

    def _compare(self, i: int, j: int) -> None:
        self._compared[i] |= 1 << j
        self._compared[j] |= 1 << i
        if not compatible(self._names[i], self._names[j]):
            self._foes[i] |= 1 << j
            self._foes[j] |= 1 << i

    def _object(self, i: int, j: int) -> bool:
        return bool(self._first_foe(i, 1 << j))

    def _excused(self, i: int, j: int, sworn: Iterable[int]) -> bool:
        """A set of sworn names has one that `i` may be and one that `j` may be."""
        return any(
            any(not self._object(i, n) for n in bits(one))
            and any(not self._object(j, n) for n in bits(one))
            for one in sworn
        )

    def settled(self, root: int) -> bool:
        """A person has kept this cluster apart from another."""
        return bool(self.left[root] or self.right[root])

    def swear(self) -> None:
        """Take the clusters as they stand for one person each, names that contradict each other included."""
        for root in {self.find(i) for i in range(len(self.names))}:
            names = self.names[root]
            if names & (names - 1) and any(self._first_foe(i, names) for i in bits(names)):
                self.sworn[root] = (names,)

    def roots(self, holders: Iterable[int]) -> list[int]:
        """The clusters of these records, by record id."""
        return sorted({self.find(i) for i in holders})

    def profile(self, root: int) -> tuple[object, ...]:
        """Clusters of one profile meet the same objections."""
        ids = tuple(sorted((issuer, *sorted(values)) for issuer, values in self.ids[root].items()))
        return self.names[root], ids, self.left[root], self.right[root], self.sworn[root]
