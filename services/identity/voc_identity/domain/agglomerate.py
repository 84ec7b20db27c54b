"""Decides within a component whose evidence contradicts itself: who is together, who only shares a value.

Clusters join only if nothing between *any* two of their records objects (complete linkage): two ids of
one issuer, names that cannot be one person's, a cut. So an objection once true stays true, and one sweep
over the values in canonical order meets every pair that may join. The sweeps run from the strongest
evidence to the weakest, and what knows less never chooses between two that are known to be different:

1. what people joined; then records that say exactly the same
2. equal external ids, whatever the names
3. a shared mail address or phone with the same full given name, then with a compatible one
4. the rest, the better named first. A record without a full given name is *barred* from a value whose
   better known holders it could belong to but who object to each other: a family's mailbox.
5. the barred ones of a value among themselves

Cost: (holders of a value) x (clusters that stay apart on it), summed over the values. The second
factor is bounded by the thresholds of generic values.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from voc_identity.domain.components import Forest
from voc_identity.domain.manual import Verdict
from voc_identity.domain.names import compatible
from voc_identity.domain.records import STRENGTH, Record, Rules

Holders = list[int]
Rank = Callable[[int], int]


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
        self._objections: dict[int, bool] = {}
        self.names = [
            frozenset((number[r.name],)) if r.name in number else frozenset[int]() for r in records
        ]
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
        self.sworn: list[tuple[frozenset[int], ...]] = [()] * len(records)
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
        if x == y and len(x) < 2:
            return True
        sworn = self.sworn[a] + self.sworn[b]
        return all(not self._object(i, j) or self._excused(i, j, sworn) for i in x for j in y)

    def _object(self, i: int, j: int) -> bool:
        if i == j:
            return False
        pair = i * len(self._names) + j
        found = self._objections.get(pair)
        if found is None:
            found = self._objections[pair] = not compatible(self._names[i], self._names[j])
        return found

    def _excused(self, i: int, j: int, sworn: Iterable[frozenset[int]]) -> bool:
        return any(
            any(not self._object(i, n) for n in one) and any(not self._object(j, n) for n in one)
            for one in sworn
        )

    def swear(self) -> None:
        """Take the clusters as they stand for one person each, names that contradict each other included."""
        for root in {self.find(i) for i in range(len(self.names))}:
            names = sorted(self.names[root])
            if any(self._object(i, j) for at, i in enumerate(names) for j in names[at + 1 :]):
                self.sworn[root] = (self.names[root],)

    def roots(self, holders: Iterable[int]) -> list[int]:
        """The clusters of these records, in canonical order."""
        return sorted({self.find(i) for i in holders})

    def profile(self, root: int) -> tuple[object, ...]:
        """Clusters of one profile meet the same objections."""
        ids = tuple(sorted((issuer, *sorted(values)) for issuer, values in self.ids[root].items()))
        return self.names[root], ids, self.left[root], self.right[root], self.sworn[root]


def agglomerate(
    records: Sequence[Record], verdict: Verdict, rules: Rules, generic: AbstractSet[bytes]
) -> list[list[int]]:
    """The persons among `records` (one component, in canonical order) as ascending positions."""
    clusters = Clusters(records, verdict, rules, generic)
    _join_identical(clusters, records, verdict, generic)
    hard, soft = _values(records, generic)

    def settled(root: int) -> int:
        return int(bool(clusters.left[root] or clusters.right[root]))

    def linked(root: int) -> int:
        return 1 if settled(root) or len(clusters.ids[root]) > 1 else 0

    def known(root: int) -> int:
        return 2 * clusters.levels[root] + (1 if settled(root) or clusters.ids[root] else 0)

    barred = [_barred(clusters, holders, linked) for holders in hard]
    for holders, out in zip(hard, barred, strict=True):
        _first_fit(clusters, clusters.roots(i for i in holders if i not in out), names=False)
    for out in barred:
        _first_fit(
            clusters, [root for root in clusters.roots(out) if not linked(root)], names=False
        )
    clusters.swear()

    barred = (
        [_barred(clusters, holders, settled) for holders in soft]
        if verdict.apart
        else [frozenset[int]()] * len(soft)
    )
    for same in (True, False):
        for holders, out in zip(soft, barred, strict=True):
            full = [
                root
                for root in clusters.roots(i for i in holders if i not in out)
                if clusters.levels[root] == 2
            ]
            (_same_name if same else _first_fit)(clusters, full)
    barred = [
        out | _barred(clusters, holders, known) for holders, out in zip(soft, barred, strict=True)
    ]
    for holders, out in zip(soft, barred, strict=True):
        roots = clusters.roots(i for i in holders if i not in out)
        _first_fit(clusters, sorted(roots, key=lambda root: -clusters.levels[root]))
    for out in barred:
        _first_fit(clusters, [root for root in clusters.roots(out) if clusters.levels[root] < 2])
    return clusters.forest.sets()


def _join_identical(
    clusters: Clusters, records: Sequence[Record], verdict: Verdict, generic: AbstractSet[bytes]
) -> None:
    sworn = {i for joined in verdict.joined for i in joined}
    first: dict[tuple[object, ...], int] = {}
    for i, record in enumerate(records):
        values = tuple([key.hash for key in record.keys if key.hash not in generic])
        if values and i not in sworn:
            j = first.setdefault((values, record.name, clusters.left[i], clusters.right[i]), i)
            if i != j:
                clusters.join(j, i)


def _values(
    records: Sequence[Record], generic: AbstractSet[bytes]
) -> tuple[list[Holders], list[Holders]]:
    """Holders of every value that more than one record holds, the strongest kind first: external, others."""
    held: dict[tuple[int, bytes], Holders] = {}
    for i, record in enumerate(records):
        for key in record.keys:
            if key.hash not in generic:
                held.setdefault((STRENGTH[key.kind], key.hash), []).append(i)
    shared = sorted((place, holders) for place, holders in held.items() if len(holders) > 1)
    return [h for place, h in shared if place[0] == 0], [h for place, h in shared if place[0] > 0]


def _first_fit(clusters: Clusters, roots: Iterable[int], *, names: bool = True) -> None:
    """Join each cluster to the first of those before it that does not object."""
    groups: list[int] = []
    for root in roots:
        for at, group in enumerate(groups):
            if clusters.may_join(group, root, names=names):
                groups[at] = clusters.join(group, root)
                break
        else:
            groups.append(root)


def _same_name(clusters: Clusters, roots: Iterable[int]) -> None:
    """As `_first_fit`, but only those that share a name exactly."""
    groups: dict[int, list[int]] = {}
    for root in roots:
        names = clusters.names[root]
        candidates = sorted(
            {clusters.find(group) for name in names for group in groups.get(name, ())}
        )
        joined = next((group for group in candidates if clusters.may_join(group, root)), None)
        if joined is not None:
            clusters.join(joined, root)
        else:
            for name in names:
                groups.setdefault(name, []).append(root)


def _barred(clusters: Clusters, holders: Holders, rank: Rank) -> frozenset[int]:
    """Holders of a value that fit two holders of a higher rank who object to each other."""
    ranks = {root: rank(root) for root in clusters.roots(holders)}
    if len(set(ranks.values())) == 1:
        return frozenset()
    alike: dict[tuple[object, ...], list[int]] = {}
    for root, own in ranks.items():
        alike.setdefault((own, *clusters.profile(root)), []).append(root)
    first = [roots[0] for roots in alike.values()]
    out: set[int] = set()
    for roots in alike.values():
        better = [
            other
            for other in first
            if ranks[other] > ranks[roots[0]] and clusters.may_join(other, roots[0])
        ]
        if any(
            not clusters.may_join(a, b) for at, a in enumerate(better) for b in better[at + 1 :]
        ):
            out.update(roots)
    return frozenset(i for i in holders if clusters.find(i) in out)
