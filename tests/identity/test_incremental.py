"""Re-clustering only what a change touches ends where clustering everything ends."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from voc_identity.domain.cluster import cluster
from voc_identity.domain.components import generic_values
from voc_identity.domain.records import Cut, Edge, Must, Person, Record, Rules

from .atoms import record, record_id

RULES = Rules(generic_names=2, generic_ids=2)


def atom(number: int, name: str, values: dict[str, str], came: int = 0) -> Record:
    return record(number, name, came=came, **values)


class Keeper:
    """A store that loads no more than the components and generic values that a change touches."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.edges: dict[int, Edge] = {}
        self.generic: set[bytes] = set()
        self.component: dict[str, str] = {}
        self.persons: dict[str, Person] = {}

    def holders(self, value: bytes) -> list[Record]:
        return [r for r in self.records.values() if any(k.hash == value for k in r.keys)]

    def put(self, new: Record) -> None:
        self._change(new.record_id, new)

    def remove(self, gone: str) -> None:
        if gone in self.records:
            self._change(gone, None)

    def put_edge(self, edge: Edge) -> None:
        self.edges[edge.seq] = edge
        self._settle(self._named(edge))

    def retract(self, seq: int) -> None:
        if seq in self.edges:
            self._settle(self._named(self.edges.pop(seq)))

    def _named(self, edge: Edge) -> set[str]:
        return {edge.a, edge.b} if isinstance(edge, Must) else set(edge.left | edge.right)

    def _change(self, changed: str, new: Record | None) -> None:
        old = self.records.pop(changed, None)
        touched = {changed}
        if old:
            touched.update(r for r, c in self.component.items() if c == self.component[changed])
        if new:
            self.records[changed] = new
        for one in (old, new):
            for value in {k.hash for k in one.keys} if one else ():
                held = self.holders(value)
                if value in self.generic and old and value not in generic_values(held, RULES):
                    self.generic.discard(value)
                if value not in self.generic:
                    touched.update(r.record_id for r in held)
        touched |= {
            r for e in self.edges.values() if changed in self._named(e) for r in self._named(e)
        }
        self._settle(touched)

    def _settle(self, touched: set[str]) -> None:
        named = {self.component[r] for r in touched if r in self.component}
        loaded = {r for r, c in self.component.items() if c in named} | touched
        for gone in loaded:
            self.component.pop(gone, None)
            self.persons.pop(gone, None)
        partition = cluster(
            [self.records[r] for r in loaded if r in self.records],
            [e for e in self.edges.values() if self._named(e) & loaded],
            RULES,
            self.generic,
        )
        self.generic |= partition.generic
        for person in partition.persons:
            for member in person.members:
                self.component[member] = person.component
                self.persons[member] = person


NUMBERS = st.integers(0, 11)
VALUE = st.sampled_from(["", "", "a", "b", "c"])
ATOMS = st.builds(
    atom,
    NUMBERS,
    st.sampled_from(["", "Anna Berg", "A. Berg", "Paul Berg", "Lotte Berg", "Berg,", "Ann Holm"]),
    st.fixed_dictionaries(
        {
            "crm": st.sampled_from(["", "", "1", "2", "3"]),
            "shop": st.sampled_from(["", "", "", "1", "2"]),
            "email": VALUE,
            "phone": VALUE,
        }
    ),
    st.integers(0, 3),
)
SIDES = st.frozensets(NUMBERS.map(record_id), min_size=1, max_size=3)
SEQS = st.integers(0, 5)
CHANGES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("put"), ATOMS),
    st.tuples(st.just("put"), ATOMS),
    st.tuples(st.just("put"), ATOMS),
    st.tuples(st.just("remove"), NUMBERS.map(record_id)),
    st.tuples(
        st.just("put_edge"),
        st.builds(Must, SEQS, NUMBERS.map(record_id), NUMBERS.map(record_id))
        | st.builds(Cut, SEQS, SIDES, SIDES),
    ),
    st.tuples(st.just("retract"), SEQS),
)


@given(st.lists(CHANGES, max_size=40))
def test_any_history_of_changes_ends_as_clustering_what_is_left(changes: list[tuple[str, Any]]):
    keeper = Keeper()
    for action, argument in changes:
        if action == "put_edge" and argument.seq in keeper.edges:
            keeper.retract(argument.seq)
        getattr(keeper, action)(argument)
    whole = cluster(keeper.records.values(), keeper.edges.values(), RULES)
    assert set(keeper.persons.values()) == set(whole.persons)
    assert keeper.generic == whole.generic


def test_a_value_crosses_the_threshold_both_ways_step_by_step():
    keeper = Keeper()
    mail = {"email": "a"}
    keeper.put(atom(1, "Anna Berg", mail))
    keeper.put(atom(2, "Anna Berg", mail))
    assert keeper.persons[record_id(1)].members == keeper.persons[record_id(2)].members
    keeper.put(atom(3, "Paul Berg", mail))
    keeper.put(atom(4, "Lotte Berg", mail))
    assert all(len(person.members) == 1 for person in keeper.persons.values())
    assert len(set(keeper.component.values())) == 4
    keeper.put(atom(4, "Lotte Berg", {}))
    assert set(keeper.persons[record_id(1)].members) == {record_id(1), record_id(2)}
