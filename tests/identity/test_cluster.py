"""Laws of `cluster`: a pure function of the set of records, edges and rules."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from voc_identity.domain.cluster import cluster
from voc_identity.domain.components import components
from voc_identity.domain.evidence import evidence
from voc_identity.domain.names import Name, compatible
from voc_identity.domain.records import Cut, Edge, Must, Record, Rules

from .atoms import record, record_id

STRICT = Rules(generic_names=3, generic_ids=3)
NAMES = (
    *(
        "",
        "",
        "Anna Berg",
        "Anna Berg",
        "A Berg",
        "Ann Berg",
        "Peter Berg",
        "Pete Berg",
        "Petra Berg",
        "Petr Berg",
        "Zsofi Berg",
    ),
    *(
        "Annna Berg",
        "P. Berg",
        "Berg,",
        "Paul Berg",
        "Anna",
        "Anna Holm",
        "Holm, Anna",
        "Lotte Falk",
        "L Falk",
    ),
)


@st.composite
def universes(
    draw: st.DrawFn, *, issuers: bool = True, musts: bool = True
) -> tuple[list[Record], list[Edge]]:
    numbers = draw(st.lists(st.integers(0, 40), unique=True, max_size=14))
    value = st.sampled_from(["", "", "a", "b", "c"])
    records = [
        record(
            n,
            draw(st.sampled_from(NAMES)),
            email=draw(value),
            phone=draw(value),
            crm=draw(st.sampled_from(["", "", "1", "2", "3"])) if issuers else "",
            shop=draw(st.sampled_from(["", "", "", "7", "8"])) if issuers else "",
            came=draw(st.integers(0, 3)),
        )
        for n in numbers
    ]
    some = st.sampled_from([*numbers, 99]) if numbers else st.just(99)
    edges: list[Edge] = []
    for seq in range(draw(st.integers(0, 4))):
        if musts and draw(st.booleans()):
            edges.append(Must(seq, record_id(draw(some)), record_id(draw(some))))
        else:
            side = st.frozensets(some.map(record_id), max_size=3)
            edges.append(Cut(seq, draw(side), draw(side)))
    return records, edges


@given(universes(), st.randoms(use_true_random=False))
def test_the_order_of_records_and_edges_is_nothing(universe, random):
    records, edges = universe
    expected = cluster(records, edges, STRICT)
    random.shuffle(records)
    random.shuffle(edges)
    assert cluster(records, edges, STRICT) == expected


@given(universes())
def test_a_component_alone_is_clustered_as_in_the_universe(universe):
    records, edges = universe
    whole = cluster(records, edges, STRICT)
    parts: dict[str, list[Record]] = {}
    named = components(records, edges, whole.generic)
    for one in records:
        parts.setdefault(named[one.record_id], []).append(one)
    alone = [
        person
        for part in parts.values()
        for person in cluster(part, edges, STRICT, whole.generic).persons
    ]
    assert sorted(alone, key=lambda p: p.person_id) == list(whole.persons)
    assert all(named[m] == p.component for p in whole.persons for m in p.members)


@given(universes())
def test_every_record_is_in_one_person_named_by_the_record_that_came_first(universe):
    records, edges = universe
    order = {r.record_id: r.first for r in records}
    persons = cluster(records, edges, STRICT).persons
    assert sorted(m for p in persons for m in p.members) == sorted(r.record_id for r in records)
    for person in persons:
        assert person.person_id == min(person.members, key=order.__getitem__)


@given(universes(musts=False))
def test_no_person_has_two_ids_of_one_issuer(universe):
    records, edges = universe
    partition = cluster(records, edges, STRICT)
    by_id = {r.record_id: r for r in records}
    for person in partition.persons:
        held = {k for m in person.members for k in by_id[m].keys if k.hard}
        held = {(k.issuer, k.hash) for k in held if k.hash not in partition.generic}
        assert len(held) == len({issuer for issuer, _ in held})


@given(universes(musts=False))
def test_a_cut_is_respected(universe):
    records, edges = universe
    person_of = cluster(records, edges, STRICT).person_of()
    for cut in edges:
        assert isinstance(cut, Cut)
        for left in (cut.left - cut.right) & person_of.keys():
            for right in (cut.right - cut.left) & person_of.keys():
                assert person_of[left] != person_of[right]


@given(universes())
def test_the_last_word_stands(universe):
    records, edges = universe
    person_of = cluster(records, edges, STRICT).person_of()
    last = max(edges, key=lambda edge: edge.seq, default=None)
    if isinstance(last, Must):
        if last.a in person_of and last.b in person_of:
            assert person_of[last.a] == person_of[last.b]
    elif last:
        left = {person_of[r].person_id for r in last.left - last.right if r in person_of}
        right = {person_of[r].person_id for r in last.right - last.left if r in person_of}
        assert left.isdisjoint(right)


@given(universes(issuers=False, musts=False))
def test_all_names_of_a_person_are_compatible(universe):
    records, edges = universe
    names = {r.record_id: r.name for r in records}
    for person in cluster(records, edges, STRICT).persons:
        assert all(compatible(names[a], names[b]) for a, b in combinations(person.members, 2))


@given(universes())
def test_a_person_hangs_together_by_evidence(universe):
    records, edges = universe
    partition = cluster(records, edges, STRICT)
    links = evidence(records, partition, edges).links
    for person in partition.persons:
        reached = {person.person_id}
        mine = [set(link.records) for link in links if link.person_id == person.person_id]
        for _ in mine:
            reached.update(*(held for held in mine if held & reached))
        assert reached == set(person.members)


@given(universes(issuers=False, musts=False))
def test_well_named_holders_of_a_value_are_apart_only_for_a_reason(universe):
    records, _ = universe
    partition = cluster(records, (), STRICT)
    by_id = {r.record_id: r for r in records}
    names: dict[str, set[Name]] = {
        p.person_id: {by_id[m].name for m in p.members} for p in partition.persons
    }
    for relation in evidence(records, partition).relations:
        holders = [r for r in records if relation.key in r.keys and r.name.level == 3]
        full = {partition.person_of()[r.record_id].person_id for r in holders}
        for a, b in combinations(full, 2):
            assert any(not compatible(x, y) for x in names[a] for y in names[b])


@given(universes())
def test_without_objections_a_component_is_one_person(universe):
    records, edges = universe
    rules = Rules(generic_names=3, generic_ids=3, names=False, ids=False)
    musts = [edge for edge in edges if isinstance(edge, Must)]
    partition = cluster(records, musts, rules)
    assert all(person.component == person.person_id for person in partition.persons)
