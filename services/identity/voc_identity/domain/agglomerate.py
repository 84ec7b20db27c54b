"""Decides within a component whose evidence contradicts itself: who is together, who only shares a value.

Clusters join only if nothing between *any* two of their records objects (complete linkage): two ids of
one issuer, names that cannot be one person's, a cut. So an objection once true stays true, and one sweep
over the values in order of ids meets every pair that may join. The sweeps run from the strongest
evidence to the weakest, and what knows less never chooses between two that are known to be different:

1. what people joined; then records that say exactly the same
2. equal external ids, whatever the names
3. a shared mail address or phone with the same full name (of two ids of one issuer the first takes
   those that have none), then with a compatible one if both given names are known to be names
4. the rest, the better named first. A record that says less (a rare or misspelt given name, an initial,
   no name) is *barred* from a value whose better known holders it could belong to but who object to
   each other: a family's mailbox, or Christan where Christian and Christina are.
5. the barred ones of a value among themselves, if they say equally much

Cost: (holders of a value) x (clusters that stay apart on it), summed over the values. The second
factor is bounded by the thresholds of generic values.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from collections.abc import Set as AbstractSet

from voc_identity.domain.clusters import Clusters, bits
from voc_identity.domain.manual import Verdict
from voc_identity.domain.records import STRENGTH, Record, Rules

Holders = list[int]
Rank = Callable[[int], int]


def agglomerate(
    records: Sequence[Record], verdict: Verdict, rules: Rules, generic: AbstractSet[bytes]
) -> list[list[int]]:
    """The persons among `records` (one component, in order of ids) as ascending positions."""
    clusters = Clusters(records, verdict, rules, generic)
    _join_identical(clusters, records, verdict, generic)
    hard, soft = _values(records, generic)
    _join_by_ids(clusters, hard)
    clusters.swear()
    _join_by_contacts(clusters, soft, verdict)
    return clusters.forest.sets()


def _join_by_ids(clusters: Clusters, values: Sequence[Holders]) -> None:
    """Sweep over external ids; names object to nothing here."""

    def rank(root: int) -> int:
        return int(clusters.settled(root) or len(clusters.ids[root]) > 1)

    barred = [_barred(clusters, holders, rank, names=False) for holders in values]
    for holders, out in zip(values, barred, strict=True):
        _first_fit(clusters, _roots(clusters, holders, out), names=False)
    for out in filter(None, barred):
        roots = [root for root in _roots(clusters, out) if rank(root) == 0]
        _first_fit(clusters, roots, names=False)


def _join_by_contacts(clusters: Clusters, values: Sequence[Holders], verdict: Verdict) -> None:
    """Sweeps over mail addresses and phones, mail addresses first."""

    def rank(root: int) -> int:
        return 2 * clusters.levels[root] + int(clusters.settled(root) or bool(clusters.ids[root]))

    barred = [frozenset[int]()] * len(values)
    if verdict.apart:
        # Whom people parted with one mailbox, nobody's new record may choose between.
        barred = [_barred(clusters, holders, clusters.settled) for holders in values]
    for holders, out in zip(values, barred, strict=True):
        _same_name(clusters, _roots(clusters, holders, out, levels=(2, 3)))
    for holders, out in zip(values, barred, strict=True):
        _first_fit(clusters, _roots(clusters, holders, out, levels=(3,)))
    barred = [
        out | _barred(clusters, holders, rank) for holders, out in zip(values, barred, strict=True)
    ]
    for holders, out in zip(values, barred, strict=True):
        roots = _roots(clusters, holders, out)
        _first_fit(clusters, sorted(roots, key=lambda root: -clusters.levels[root]))
    for out in filter(None, barred):
        for level in (2, 1, 0):
            _first_fit(clusters, _roots(clusters, out, levels=(level,)))


def _roots(
    clusters: Clusters,
    holders: Iterable[int],
    out: AbstractSet[int] = frozenset(),
    levels: Container[int] = range(4),
) -> list[int]:
    """The clusters of these holders but for those `out`, in order of ids."""
    roots = clusters.roots(i for i in holders if i not in out)
    return [root for root in roots if clusters.levels[root] in levels]


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
        names = list(bits(clusters.names[root]))
        candidates = sorted(
            {clusters.find(group) for name in names for group in groups.get(name, ())}
        )
        joined = next((group for group in candidates if clusters.may_join(group, root)), None)
        if joined is not None:
            clusters.join(joined, root)
        else:
            for name in names:
                groups.setdefault(name, []).append(root)


def _barred(
    clusters: Clusters, holders: Holders, rank: Rank, *, names: bool = True
) -> frozenset[int]:
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
            if ranks[other] > ranks[roots[0]] and clusters.may_join(other, roots[0], names=names)
        ]
        if any(
            not clusters.may_join(a, b) for at, a in enumerate(better) for b in better[at + 1 :]
        ):
            out.update(roots)
    return frozenset(i for i in holders if clusters.find(i) in out)
