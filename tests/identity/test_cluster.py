"""Laws of `cluster`: a pure function of the set of records, edges and rules."""

from hashlib import blake2b
from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_identity.domain.cluster import cluster
from voc_identity.domain.components import components, generic_values
from voc_identity.domain.evidence import evidence
from voc_identity.domain.names import Name, compatible, parse_name
from voc_identity.domain.records import Cut, Edge, Key, Must, Partition, Record, Rules, canonical

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


def record_id(number: int) -> str:
    """Time and hash part run against each other, so that an order by time would show."""
    return f"{10_000 - number:010x}" + blake2b(str(number).encode(), digest_size=11).hexdigest()


def key(kind: str, value: str, issuer: str = "") -> Key:
    digest = blake2b(f"{kind} {issuer} {value}".encode(), digest_size=16).digest()
    return Key(kind, digest, issuer, value)  # pyright: ignore[reportArgumentType]


def record(number: int, name: str = "", **values: str) -> Record:
    """`record(3, "Anna Berg", email="a", phone="1", crm="17")`: other keywords are issuers of external ids."""
    keys = [
        key(kind, value) if kind in ("email", "phone") else key("external", value, kind)
        for kind, value in values.items()
        if value
    ]
    order = ("external", "email", "phone")
    return Record(
        record_id(number),
        tuple(sorted(keys, key=lambda k: (order.index(k.kind), k.hash))),
        parse_name(name),
    )


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(record_id(n) for n in numbers)


def groups(partition: Partition) -> set[frozenset[str]]:
    return {frozenset(person.members) for person in partition.persons}


def together(*people: tuple[int, ...]) -> set[frozenset[str]]:
    return {ids(*numbers) for numbers in people}


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
    assert sorted(alone, key=lambda p: canonical(p.person_id)) == list(whole.persons)
    assert all(named[m] == p.component for p in whole.persons for m in p.members)


@given(universes())
def test_every_record_is_in_one_person_named_by_its_smallest_hash_part(universe):
    records, edges = universe
    persons = cluster(records, edges, STRICT).persons
    assert sorted(m for p in persons for m in p.members) == sorted(r.record_id for r in records)
    for person in persons:
        assert person.person_id == min(person.members, key=lambda r: r[-22:])


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


def test_generic_by_the_names_of_its_holders_now():
    rules = Rules(generic_names=2)
    anna = [record(1, "Anna Berg", email="a"), record(2, "Anna Berg", email="a")]
    others = [record(3, "Paul Berg", email="a"), record(4, "Lotte Berg", email="a")]
    assert groups(cluster([*anna, others[0]], (), rules)) == together((1, 2), (3,))
    crossed = cluster([*anna, *others], (), rules)
    assert groups(crossed) == together((1,), (2,), (3,), (4,))
    assert crossed.generic == {anna[0].keys[0].hash}
    assert not any(person.identifiable for person in crossed.persons)
    assert groups(cluster([*anna, others[1]], (), rules)) == together((1, 2), (4,))


def test_initials_and_absent_names_do_not_make_a_value_generic():
    rules = Rules(generic_names=1)
    records = [record(1, "Anna Berg", email="a"), record(2, "", email="a")]
    assert not generic_values(records, rules)
    assert generic_values([*records, record(3, "Paul Berg", email="a")], rules)


def test_a_value_of_many_ids_is_generic_though_nobody_has_a_name():
    rules = Rules(generic_ids=2)
    records = [record(n, phone="1", crm=str(n)) for n in range(3)]
    assert groups(cluster([*records[:2], record(9, phone="1")], (), rules)) == together(
        (0,), (1,), (9,)
    )
    partition = cluster([*records, record(9, phone="1")], (), rules)
    assert partition.generic == {key("phone", "1").hash}
    assert not partition.person_of()[record_id(9)].identifiable


def test_a_generic_id_neither_links_nor_parts():
    rules = Rules(generic_names=1)
    records = [
        record(1, "Anna Berg", crm="0"),
        record(2, "Paul Berg", crm="0", email="p"),
        record(3, "Paul Berg", crm="7", email="p"),
    ]
    assert groups(cluster(records, (), rules)) == together((1,), (2, 3))


def test_an_id_links_whatever_the_names_and_takes_both_names_along():
    records = [
        record(1, "Anna Berg", crm="1", email="a"),
        record(2, "Peter Falk", crm="1", email="p"),
        record(3, "Anna Berg", email="a"),
        record(4, "Peter Falk", email="p"),
    ]
    assert groups(cluster(records)) == together((1, 2, 3, 4))


def test_one_id_does_not_bridge_two_ids_of_another_issuer():
    records = [
        record(1, "Anna Berg", crm="1", shop="7"),
        record(2, "Anna Berg", crm="1", shop="8"),
        record(3, "Anna Berg", crm="1"),
    ]
    partition = cluster(records)
    assert groups(partition) == together((1,), (2,), (3,))
    (relation,) = evidence(records, partition).relations
    assert (relation.kind, len(relation.persons)) == ("conflict", 3)


@pytest.mark.parametrize("first", range(0, 200, 10))
def test_a_merge_by_a_person_overrides_names_and_ids_and_carries_over(first: int):
    one, two, three, four, five, six = range(first, first + 6)
    records = [
        record(one, "Anna Berg", email="a", crm="1"),
        record(two, "Peter Falk", email="p", crm="2"),
        record(three, "Anna Berg", email="a"),
        record(four, "Peter Falk", email="p", phone="1"),
        record(five, crm="1"),
        record(six, crm="2"),
    ]
    assert groups(cluster(records)) == together((one, three, five), (two, four, six))
    merged = cluster(records, [Must(1, record_id(one), record_id(two))])
    assert groups(merged) == together((one, two, three, four, five, six))


def test_a_later_cut_undoes_a_merge_and_a_later_merge_a_cut():
    records = [record(n, "Anna Berg", email="ab"[n % 2]) for n in range(4)]
    merge = Must(1, record_id(0), record_id(1))
    cut = Cut(2, ids(0, 2), ids(1, 3))
    assert groups(cluster(records, [merge])) == together((0, 1, 2, 3))
    assert groups(cluster(records, [merge, cut])) == together((0, 2), (1, 3))
    again = Must(3, record_id(2), record_id(3))
    assert groups(cluster(records, [merge, cut, again])) == together((0, 1, 2, 3))


def test_a_split_of_one_mailbox_leaves_new_unnamed_records_to_neither_side():
    records = [record(n, email="a") for n in range(5)]
    cut = Cut(1, ids(0, 1), ids(2, 3))
    assert groups(cluster(records, [cut])) == together((0, 1), (2, 3), (4,))


def test_never_merge_sticks_when_new_evidence_comes():
    records = [record(1, "Anna Berg", email="a"), record(2, "Anna Berg", email="b")]
    never = Cut(1, ids(1), ids(2))
    bridge = record(3, "Anna Berg", email="a", phone="1")
    more = record(4, "Anna Berg", email="b", phone="1")
    partition = cluster([*records, bridge, more], [never])
    assert record_id(2) not in partition.person_of()[record_id(1)].members


def test_an_edge_to_an_absent_record_is_nothing():
    records = [record(1, email="a"), record(2, email="b")]
    edges: list[Edge] = [Must(1, record_id(1), record_id(3)), Must(2, record_id(3), record_id(2))]
    assert groups(cluster(records, edges)) == together((1,), (2,))
    assert groups(cluster([*records, record(3)], edges)) == together((1, 2, 3))


def test_a_record_without_a_name_is_not_given_to_one_of_two():
    family = [record(1, "Anna Berg", email="a"), record(2, "Paul Berg", email="a")]
    unnamed = record(3, email="a")
    partition = cluster([*family, unnamed])
    assert groups(partition) == together((1,), (2,), (3,))
    (relation,) = evidence([*family, unnamed], partition).relations
    assert relation.kind == "household"
    by_phone = [*family, record(4, "Anna Berg", phone="1"), record(3, email="a", phone="1")]
    assert groups(cluster(by_phone)) == together((1,), (2,), (3, 4))


def test_an_initial_goes_to_the_only_one_it_fits():
    family = [record(1, "Anna Berg", email="a"), record(2, "Paul Berg", email="a")]
    assert groups(cluster([*family, record(3, "P. Berg", email="a")])) == together((1,), (2, 3))
    twins = [*family, record(4, "Petra Berg", email="a"), record(3, "P. Berg", email="a")]
    assert groups(cluster(twins)) == together((1,), (2,), (4,), (3,))


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_a_mail_address_is_believed_before_a_phone(first: int):
    records = [
        record(first, "Anna Berg", email="a"),
        record(first + 1, "Paul Berg", phone="1"),
        record(first + 2, email="a", phone="1"),
    ]
    assert groups(cluster(records)) == together((first, first + 2), (first + 1,))


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_the_better_named_are_placed_first(first: int):
    records = [
        record(first, "Anna Berg", email="a"),
        record(first + 1, "Paul Holm", email="a"),
        record(first + 2, "Berg,", email="a"),
        record(first + 3, "P.", email="a"),
    ]
    assert groups(cluster(records)) == together((first, first + 2), (first + 1, first + 3))


def test_those_who_cannot_be_placed_are_together_if_they_say_equally_much():
    family = [record(1, "Anna Berg", email="a"), record(2, "Paul Berg", email="a")]
    others = [record(3, email="a"), record(4, email="a", phone="1"), record(5, "Berg,", email="a")]
    assert groups(cluster([*family, *others])) == together((1,), (2,), (3, 4), (5,))
    by_id = [record(1, crm="1", shop="7"), record(2, crm="1", shop="8")]
    others = [record(3, crm="1"), record(4, crm="1", email="a")]
    assert groups(cluster([*by_id, *others])) == together((1,), (2,), (3, 4))


def test_nobody_chooses_between_two_of_one_name_whom_people_parted():
    records = [record(n, "Anna Berg", email="a") for n in range(3)]
    assert groups(cluster(records, [Cut(1, ids(0), ids(1))])) == together((0,), (1,), (2,))


def test_a_record_on_both_sides_of_a_cut_is_on_neither():
    records = [record(n, email="a") for n in range(3)]
    for cut in (Cut(1, ids(0, 1), ids(1, 2)), Cut(1, ids(1, 2), ids(0, 1))):
        assert groups(cluster(records, [cut])) == together((0,), (1,), (2,))


def test_the_account_is_the_most_frequent_key_then_the_smallest_then_the_domain():
    def account(*told: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        records = [
            msgspec.structs.replace(record(n, email="a"), accounts=accounts, domains=domains)
            for n, (accounts, domains) in enumerate(told)
        ]
        (person,) = cluster(records).persons
        return person.account

    assert account(((), ()), ((), ())) == ""
    assert account((("b",), ()), (("a",), ()), (("b",), ())) == "b"
    assert account((("b",), ()), (("a",), ("x.com",))) == "a"
    assert account((("a",), ()), (("b",), ("x.com",))) == "a"
    assert account(((), ("y.com",)), ((), ("x.com",)), ((), ("y.com",))) == "domain:y.com"


def test_a_record_without_usable_keys_is_not_identifiable():
    (person,) = cluster([record(1, "Anna Berg")]).persons
    assert not person.identifiable
    (person,) = cluster([record(1, "Anna Berg", email="a")]).persons
    assert person.identifiable
    (person,) = cluster([record(1), record(2)], [Must(1, record_id(1), record_id(2))]).persons
    assert person.identifiable


def test_a_record_id_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        cluster([record(1), record(1)])


def test_atoms_survive_storage():
    atom = record(1, "Anna Berg", email="a", crm="1")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(atom), type=Record) == atom
