"""Small households, offices and careless forms, where equal values are not equal people."""

from itertools import combinations

import pytest
from voc_common.events import Identifier
from voc_identity.domain.cluster import cluster
from voc_identity.domain.evidence import evidence
from voc_identity.domain.normalise import KeyRules, key_rules, normalise
from voc_identity.domain.records import Record, Rules

RULES: KeyRules = key_rules(b"a secret of this tenant", "DE", blocked=["+49 30 9018 2000"])

# Who said it in truth; name, mail, phone and external id as the source told them.
RECORDS: list[tuple[str, str, str, str, str]] = [
    # A couple with one mailbox, one phone and two children who write from both.
    ("ute", "Ute Kranz", "familie.kranz@web.de", "030 23125001", ""),
    ("ute", "U. Kranz", "ute.kranz@web.de", "", ""),
    ("ute", "Kranz, Ute", "Familie.Kranz@web.de", "", "shop:811"),
    ("ute", "", "ute.kranz+news@web.de", "", "shop:811"),
    ("olaf", "Olaf Kranz", "familie.kranz@web.de", "+49 30 23125001", ""),
    ("olaf", "Herr Olaf Kranz", "familie.kranz@web.de", "", "shop:812"),
    ("nele", "Nele Kranz", "familie.kranz@web.de", "", ""),
    ("timo", "Timo Kranz", "familie.kranz@web.de", "030/23125001", ""),
    # Father and son, one name and one phone.
    ("carl sr", "Carl Voss sen.", "", "0421 3498810", "crm:31"),
    ("carl sr", "Carl Voss Sr.", "c.voss@werft-voss.de", "0421 3498810", ""),
    ("carl jr", "Carl Voss Jr.", "", "0421 3498810", "crm:32"),
    ("carl jr", "Carl Voss jun.", "carl@vossmail.net", "0421 3498810", "crm:32"),
    # Twins by name but for one letter, one mailbox.
    ("christian", "Christian Adler", "adler.c@posteo.de", "", ""),
    ("christina", "Christina Adler", "adler.c@posteo.de", "", ""),
    ("christian", "Christan Adler", "adler.c@posteo.de", "", "crm:41"),
    # One person under short forms, misspellings and a new surname.
    ("lisbeth", "Elisabeth Moor", "e.moor@gmx.de", "", ""),
    ("lisbeth", "Lisbeth Moor", "E.Moor@gmx.de", "", ""),
    ("lisbeth", "Elisabeht Moor", "e.moor@gmx.de", "0171 5550017", ""),
    ("lisbeth", "Elisabeth Brandt", "", "+49 171 5550017", ""),
    ("lisbeth", "Moor Elisabeth", "e.moor@gmx.de", "", ""),
    # William by all his names, from two mailboxes that only the phone connects.
    ("bill", "William Tarn", "wtarn@outlook.com", "+44 20 7946 0018", ""),
    ("bill", "Bill Tarn", "bill@tarn-joinery.co.uk", "+442079460018", ""),
    ("bill", "Will Tarn", "wtarn@outlook.com", "", "crm:51"),
    # Colleagues behind one role mailbox and the office's own call centre.
    ("ines", "Ines Lau", "info@lau-optik.de", "+49 30 90182000", "crm:61"),
    ("marko", "Marko Juhl", "info@lau-optik.de", "030 9018-2000", "crm:62"),
    ("rosa", "Rosa Pohl", "noreply@shop.example", "030 9018 2000", ""),
    # Forms filled in to get past them.
    ("x1", "Test Test", "test@test.com", "000000", ""),
    ("x2", "Max Hold", "test@test.com", "1111111111", ""),
    ("x3", "", "asdf@asdf.com", "1234567890", ""),
    # Two CRM contacts of one name with one mailbox: the issuer says that they are two.
    ("eva 1", "Eva Stern", "eva@stern-pr.de", "", "crm:71"),
    ("eva 2", "Eva Stern", "eva@stern-pr.de", "", "crm:72"),
]


def read(rules: KeyRules = RULES) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for number, (_, name, mail, phone, external) in enumerate(RECORDS):
        told = [Identifier("name", name), Identifier("email", mail), Identifier("phone", phone)]
        issuer, _, value = external.partition(":")
        told.append(Identifier("external", value, issuer))
        record_id = f"{number:010x}{number * 7919 % 9973:022x}"
        records[record_id] = normalise([t for t in told if t.value], rules).record(record_id)
    return records


TRUTH = dict(zip(read(), (who for who, *_ in RECORDS), strict=True))
RULE_SETS = {"guarded": Rules(), "unguarded": Rules(generic_names=999, names=False, ids=False)}


def scores(rules: Rules) -> tuple[float, float]:
    """Pairwise precision and recall."""
    persons = cluster(read().values(), (), rules).persons
    found = {pair for p in persons for pair in combinations(sorted(p.members), 2)}
    true = {pair for pair in combinations(sorted(TRUTH), 2) if TRUTH[pair[0]] == TRUTH[pair[1]]}
    return len(found & true) / len(found), len(found & true) / len(true)


def test_the_guards_keep_people_apart_and_lose_little():
    precision, recall = scores(RULE_SETS["guarded"])
    assert precision == 1.0
    assert recall > 0.75


def test_the_traps_are_traps():
    precision, _ = scores(RULE_SETS["unguarded"])
    assert precision < 0.5


@pytest.mark.parametrize("who", sorted({who for who, *_ in RECORDS}))
def test_nobody_is_mixed_up(who: str):
    for person in cluster(read().values()).persons:
        assert len({TRUTH[m] for m in person.members}) == 1
    assert who in TRUTH.values()


def test_the_family_is_a_household_of_four():
    records = read()
    partition = cluster(records.values())
    relations = evidence(records.values(), partition).relations
    (mailbox,) = [r for r in relations if r.key.shown == "familie.kranz@web.de"]
    assert mailbox.kind == "household"
    members = partition.person_of()
    assert {TRUTH[m] for p in mailbox.persons for m in members[p].members} == {
        "ute", "olaf", "nele", "timo",
    }  # fmt: skip


def test_an_unblocked_call_centre_is_still_no_bridge_between_names():
    open_rules = key_rules(b"a secret of this tenant", "DE")
    members = cluster(read(open_rules).values()).person_of()
    assert all(len({TRUTH[m] for m in p.members}) == 1 for p in members.values())
