"""Which merges and splits by people stand where they contradict each other."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from voc_identity.domain.components import Forest
from voc_identity.domain.records import Cut, Edge, Must


class Verdict(Struct, frozen=True, gc=False):
    """`joined`: sets of positions that are one person whatever else is known; `apart`: pairs of sets that never are."""

    joined: tuple[frozenset[int], ...] = ()
    apart: tuple[tuple[frozenset[int], frozenset[int]], ...] = ()


NO_VERDICT = Verdict()


def settle(edges: Iterable[Edge], record_ids: Sequence[str]) -> Verdict:
    """Settle `edges` among the records of one component; retracted edges are simply not passed.

    The later one (greater `seq`) stands. A `Must` falls if it, with the later ones, would bring
    together what a later `Cut` keeps apart. A `Cut` falls as a whole if later `Must`s bring one of
    its left to one of its right: who merges two persons again takes back their split. Absent records
    count for nothing; a record on both sides of a cut is on neither.
    """
    latest_first = sorted(edges, key=_order)
    if not latest_first:
        return NO_VERDICT
    position = {record_id: i for i, record_id in enumerate(record_ids)}
    forest = Forest(len(record_ids))
    members: dict[int, frozenset[int]] = {}
    apart: list[tuple[frozenset[int], frozenset[int]]] = []
    for edge in latest_first:
        if isinstance(edge, Must):
            a, b = position.get(edge.a), position.get(edge.b)
            if a is None or b is None:
                continue
            a, b = forest.find(a), forest.find(b)
            both = members.get(a, frozenset((a,))) | members.get(b, frozenset((b,)))
            if a != b and not any(both & left and both & right for left, right in apart):
                members[forest.union(a, b)] = both
                members.pop(max(a, b), None)
        else:
            left = frozenset(position[r] for r in edge.left - edge.right if r in position)
            right = frozenset(position[r] for r in edge.right - edge.left if r in position)
            if left and right and not any(one & left and one & right for one in members.values()):
                apart.append((left, right))
    return Verdict(tuple(members[root] for root in sorted(members)), tuple(apart))


def _order(edge: Edge) -> tuple[int, int, list[str], list[str]]:
    if isinstance(edge, Cut):
        return -edge.seq, 0, sorted(edge.left), sorted(edge.right)
    return -edge.seq, 1, sorted((edge.a, edge.b)), []
