"""What becomes of records whose evidence agrees, is missing, or contradicts itself."""

import msgspec
import pytest
from voc_identity.domain.cluster import cluster
from voc_identity.domain.components import generic_values
from voc_identity.domain.evidence import evidence
from voc_identity.domain.records import Cut, Edge, Must, Rules, atom_of, record_of

from .atoms import groups, ids, key, record, record_id, together


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
    rules = Rules(generic_names=2)
    records = [
        record(1, "Anna Berg", crm="0"),
        record(2, "Lotte Berg", crm="0"),
        record(3, "Paul Berg", crm="0", email="p"),
        record(4, "Paul Berg", crm="7", email="p"),
        record(5, "Uwe Berg", email="p"),
    ]
    assert groups(cluster(records, (), rules)) == together((1,), (2,), (3, 4), (5,))


def test_a_generic_value_links_nothing_among_contradictions_and_is_no_evidence():
    rules = Rules(generic_names=2)
    records = [
        record(1, "Anna Berg", email="a", phone="0"),
        record(2, "Paul Berg", email="a", crm="1", shop="7"),
        record(3, "Anna Berg", phone="0", crm="2", shop="7"),
        record(4, "Lotte Berg", phone="0"),
        record(5, "Uwe Berg", phone="0"),
    ]
    partition = cluster(records, (), rules)
    assert groups(partition) == together((1,), (2,), (3,), (4,), (5,))
    found = evidence(records, partition)
    assert not found.links
    assert {relation.key.kind for relation in found.relations} == {"email", "external"}


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
def test_what_one_record_of_a_cluster_says_counts_for_all(first: int):
    records = [
        record(first, email="a"),
        record(first + 1, email="a", phone="1"),
        record(first + 2, phone="1"),
    ]
    sides = ids(first), ids(first + 2)
    for cut in (Cut(1, *sides), Cut(1, *reversed(sides))):
        assert groups(cluster(records, [cut])) == together((first, first + 1), (first + 2,))
    records = [
        record(first, "Anna Berg"),
        record(first + 1, email="a"),
        record(first + 2, "Paul Berg", email="a"),
        record(first + 3, email="a"),
    ]
    must = Must(1, record_id(first), record_id(first + 1))
    expected = together((first, first + 1), (first + 2,), (first + 3,))
    assert groups(cluster(records, [must])) == expected


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


def test_the_account_is_what_most_different_records_name_then_the_first_then_the_domain():
    def account(*told: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        # The higher the number, the earlier the id: what is told first here is the earliest.
        records = [
            msgspec.structs.replace(
                record(len(told) - n, email="a"), accounts=accounts, domains=domains
            )
            for n, (accounts, domains) in enumerate(told)
        ]
        (person,) = cluster(records).persons
        return person.account

    assert account(((), ()), ((), ())) == ""
    assert account((("b",), ()), (("a",), ())) == "b"
    assert account((("b",), ()), (("a",), ()), (("a",), ("x.com",))) == "a"
    assert account((("a",), ()), (("b",), ()), (("b",), ())) == "a", "repetition is no evidence"
    assert account(((), ("y.com",)), ((), ("x.com",))) == "domain:y.com"
    assert account((("a",), ()), ((), ("x.com",))) == "a"


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
    assert record_of(atom.record_id, atom_of(atom)) == atom
