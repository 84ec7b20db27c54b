"""Identifiers of a record -> keys: equal values get equal keys, worthless ones none, nothing raises."""

import time

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st
from voc_common.events import Identifier
from voc_identity.domain import contacts
from voc_identity.domain.normalise import Key, Unlinked, key_rules, normalise, read_key

SECRET = b"a secret of this tenant"
RULES = key_rules(SECRET, "DE")


def read(kind: str, value: str, issuer: str = "", *, verified: bool = True) -> Key | Unlinked:
    return read_key(Identifier(kind, value, issuer, verified), RULES)  # pyright: ignore[reportArgumentType]


def linked(kind: str, value: str, issuer: str = "") -> bytes:
    key = read(kind, value, issuer)
    assert isinstance(key, Key), key
    return key.hash


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Anna.Berg@Acme.DE", "anna.berg@acme.de"),
        ("email", " anna.berg@acme.de\n", "anna.berg@acme.de"),
        ("email", "anna.berg+newsletter@acme.de", "anna.berg@acme.de"),
        ("email", "Anna Berg <anna.berg@acme.de>", "anna.berg@acme.de"),
        ("email", "mailto:anna.berg@acme.de", "anna.berg@acme.de"),
        ("email", "anna.b.erg@googlemail.com", "annaberg@gmail.com"),
        ("email", "anna@bücher.de", "anna@xn--bcher-kva.de"),
        ("email", "ANNA@BÜCHER.DE", "anna@bücher.de"),
        ("email", "ｊosé@acme.de", "jose\u0301@acme.de"),
        ("email", "\u200banna.berg@acme.de", "anna.berg@acme.de"),
        ("phone", "030 23125001", "+49 (0)30 / 231 250-01"),
        ("phone", "0049 30 23125001", "+493023125001"),
        ("phone", "٠٣٠ ٢٣١٢٥٠٠١", "030 23125001"),
        ("phone", "tel:+49-30-23125001", "+493023125001"),
        ("external", " 4711 ", "4711"),
    ],
)
def test_one_value_in_several_spellings_is_one_key(kind: str, one: str, other: str):
    assert linked(kind, one, "crm") == linked(kind, other, "crm")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("email", "anna.berg@acme.de", ""), ("email", "annaberg@acme.de", "")),
        (("phone", "030 23125001 ext. 12", ""), ("phone", "030 23125001 ext. 13", "")),
        (("external", "4711", "crm"), ("external", "4711", "shop")),
        (("external", "ab", "crm"), ("external", "AB", "crm")),
        (("external", "a\u00a0b", "crm"), ("external", "a b", "crm")),
    ],
)
def test_different_values_are_different_keys(one: tuple[str, ...], other: tuple[str, ...]):
    hashes = {key.hash if isinstance(key := read(*v), Key) else v for v in (one, other)}
    assert len(hashes) == 2


def test_a_kind_is_part_of_the_hash_and_so_is_the_secret():
    assert linked("external", "anna@acme.de", "crm") != linked("email", "anna@acme.de")
    identifier = Identifier("email", "anna@acme.de")
    other = read_key(identifier, key_rules(b"another secret of others", "DE"))
    assert isinstance(other, Key)
    assert other.hash != linked("email", "anna@acme.de")
    assert len(other.hash) == 16


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("email", "no-reply@acme.de", "machine"),
        ("email", "noreply.orders@acme.de", "machine"),
        ("email", "bounce-17@acme.de", "machine"),
        ("email", "Info@acme.de", "role mailbox"),
        ("email", "support+ticket17@acme.de", "role mailbox"),
        ("email", "test@acme.de", "placeholder"),
        ("email", "000@acme.de", "placeholder"),
        ("email", "anna@example.com", "example"),
        ("email", "anna@mail.example.com", "example"),
        ("email", "anna@acme.test", "example"),
        ("email", "anna@localhost", "example"),
        ("email", "anna@mailinator.com", "public inbox"),
        ("email", "anna", "invalid"),
        ("email", "anna@acme@de", "invalid"),
        ("email", "", "invalid"),
        ("email", "an\0na@acme.de", "unprintable"),
        ("email", "\ud800@acme.de", "unprintable"),
        ("email", "a" * 100_000 + "@acme.de", "too long"),
        ("phone", "0000000", "placeholder"),
        ("phone", "+49 30 5555555", "placeholder"),
        ("phone", "030 1234567", "placeholder"),
        ("phone", "0800 3301000", "service number"),
        ("phone", "12", "invalid"),
        ("phone", "no phone", "invalid"),
        ("phone", "0" * 100_000, "too long"),
        ("phone", "030\0 23125001", "unprintable"),
        ("external", "0", "placeholder"),
        ("external", "00000000-0000-0000-0000-000000000000", "placeholder"),
        ("external", "NULL", "placeholder"),
        ("external", "", "placeholder"),
        ("external", "a\0b", "unprintable"),
        ("external", "x" * 600, "too long"),
    ],
)
def test_a_worthless_value_is_kept_with_its_reason(kind: str, value: str, reason: str):
    found = read(kind, value, "crm")
    assert isinstance(found, Unlinked)
    assert found.reason == reason
    assert len(found.shown) <= 512


def test_an_external_id_without_an_issuer_links_nothing():
    assert isinstance(found := read("external", "4711"), Unlinked)
    assert found.reason == "no issuer"


def test_without_a_region_only_international_numbers_are_read():
    rules = key_rules(SECRET)
    assert isinstance(read_key(Identifier("phone", "030 23125001"), rules), Unlinked)
    assert isinstance(read_key(Identifier("phone", "+49 30 23125001"), rules), Key)


@pytest.mark.parametrize("kind", ["email", "phone", "external"])
def test_only_verified_values_link(kind: str):
    value = {"email": "anna@acme.de", "phone": "030 23125001", "external": "4711"}[kind]
    found = read(kind, value, "crm", verified=False)
    assert isinstance(found, Unlinked)
    assert found.reason == "unverified"


def test_the_tenants_own_values_are_blocked_however_they_are_spelt():
    rules = key_rules(
        SECRET,
        "DE",
        [" Hotline@Acme.de ", "+49 30 23125001", "@Intern.de", "CRM:4711", "", "@", "\0"],
    )
    told = [
        Identifier("email", "hotline+x@acme.de"),
        Identifier("phone", "030 23125001"),
        Identifier("email", "anna@intern.de"),
        Identifier("external", "4711", "crm"),
    ]
    keys = normalise(told, rules)
    assert not keys.linking
    assert {u.reason for u in keys.unlinked} == {"blocked"}
    assert len(normalise(told, RULES).linking) == 4


def test_two_ids_of_one_issuer_in_one_record_link_nothing():
    told = [Identifier("external", v, "crm") for v in ("1", "2")]
    keys = normalise([*told, Identifier("email", "anna@acme.de")], RULES)
    assert [key.kind for key in keys.linking] == ["email"]
    assert [u.reason for u in keys.unlinked] == ["contradictory"] * 2
    assert len(normalise([told[0], told[0]], RULES).linking) == 1


def test_a_list_of_values_is_no_person():
    keys = normalise([Identifier("email", f"anna{n}@acme.de") for n in range(200)], RULES)
    assert not keys.linking
    assert len(keys.unlinked) == 50


@pytest.mark.parametrize(
    ("mail", "domains"),
    [
        ("anna@acme.de", ("acme.de",)),
        ("info@acme.de", ("acme.de",)),
        ("noreply@acme.de", ()),
        ("anna@gmail.com", ()),
        ("anna@yahoo.co.uk", ()),
        ("anna@hotmail.it", ()),
        ("anna@bücher.de", ("xn--bcher-kva.de",)),
        ("nonsense", ()),
    ],
)
def test_the_domain_of_a_business_mail_address(mail: str, domains: tuple[str, ...]):
    assert normalise([Identifier("email", mail)], RULES).domains == domains


def test_accounts_carry_their_issuer():
    told = [
        Identifier("account", " A-7 ", "CRM"),
        Identifier("account", "B"),
        Identifier("account", "null", "crm"),
        Identifier("account", "gmail.com", "domain"),
    ]
    assert normalise(told, RULES).accounts == ("B", "crm:A-7")


def test_of_several_names_the_fullest_counts():
    told = [Identifier("name", n) for n in ("A. Berg", "Anna Berg", "Guest", "Anna")]
    name = normalise(told, RULES).name
    assert (name.given, name.surname) == ("anna", "berg")


TEXT = st.text(st.characters(codec=None), max_size=40)
IDENTIFIERS = st.lists(
    st.builds(
        Identifier,
        st.sampled_from(["external", "email", "phone", "name", "account"]),
        TEXT | st.emails() | st.from_regex(r"\+?[0-9 ()/-]{3,18}", fullmatch=True),
        TEXT,
        st.booleans(),
    ),
    max_size=6,
)


@given(IDENTIFIERS, st.randoms(use_true_random=False))
def test_any_text_is_read_in_any_order_into_text_that_can_be_stored(told, random):
    keys = normalise(told, RULES)
    random.shuffle(told)
    assert normalise(told, RULES) == keys
    shown = [v for key in (*keys.linking, *keys.unlinked) for v in (key.shown, key.issuer)]
    name = keys.name
    shown += [*keys.accounts, *keys.domains, name.given, name.surname, name.middle, name.suffix]
    assert all(v.isprintable() and v.encode() is not None for v in shown)


@given(st.emails() | st.from_regex(r"\+[0-9]{6,15}", fullmatch=True))
def test_what_is_shown_reads_as_the_same_key(value: str):
    kind = "email" if "@" in value else "phone"
    key = read(kind, value)
    if isinstance(key, Key):
        assert read(kind, key.shown) == key


@given(
    st.from_regex(r"[a-z0-9_+.-]{1,20}@([a-z0-9-]{1,8}\.){1,3}[a-z0-9]{1,5}", fullmatch=True)
    | st.emails().map(str.lower)
)
def test_the_short_cut_for_plain_addresses_accepts_only_what_the_validator_does(value: str):
    if contacts._PLAIN.match(value) and value.rpartition(".")[2] not in contacts.SPECIAL_TOPS:
        assert validate_email(value, check_deliverability=False).normalized == value


@pytest.mark.parametrize(
    "value",
    [
        "a" * 63 + "@" + "a-" * 100 + ".de",
        "a." * 150 + "@",
        "-" * 320,
        "a@" + "a-" * 150,
        "<" * 320,
    ],
)
def test_no_address_takes_long_to_read(value: str):
    start = time.process_time()
    contacts.read_email(value)
    assert time.process_time() - start < 0.05
