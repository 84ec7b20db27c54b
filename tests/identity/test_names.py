"""Names: their parts, and which of them can be one person's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_identity.domain.given_names import FORMAL_NAMES, KNOWN
from voc_identity.domain.names import ABSENT, compatible, fold, parse_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Anna Berg", ("anna", "berg", "", "")),
        ("  ANNA\u00a0 BERG ", ("anna", "berg", "", "")),
        ("Berg, Anna Maria", ("anna", "berg", "maria", "")),
        ("Berg,", ("", "berg", "", "")),
        ("Anna", ("anna", "", "", "")),
        ("J.R. Hale", ("j", "hale", "r", "")),
        ("Dr. Anna-Maria von der Leyde", ("anna", "von der leyde", "maria", "")),
        ("Anna Berg–Holm", ("anna", "berg holm", "", "")),
        ("Mr John A. Hale Jr.", ("john", "hale", "a", "2")),
        ("Hale, John, Sr.", ("john", "hale", "", "1")),
        ("John Hale, PhD", ("john", "hale", "", "")),
        ("Pat O’Brien", ("pat", "obrien", "", "")),
        ("Søren Łukasz Weiß", ("soren", "weiss", "lukasz", "")),
        ("Anna Berg (Sales)", ("anna", "berg", "", "")),
        ("anna.berg", ("anna", "berg", "", "")),
        ("An\u200bna Be\0rg", ("anna", "berg", "", "")),
        ("Анна Йорк", ("анна", "иорк", "", "")),
        ("पूजा शर्मा", ("पूजा", "शरमा", "", "")),
    ],
)
def test_parts(text: str, parts: tuple[str, str, str, str]):
    name = parse_name(text)
    assert (name.given, name.surname, name.middle, name.suffix) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "Guest",
        "Unknown User",
        "N/A",
        "no name",
        "anna@acme.de",
        "4711",
        "\ud800",
        "-",
        "Mr.",
        "http://x",
    ],
)
def test_no_name(text: str):
    assert parse_name(text) == ABSENT


ONE_PERSON = [
    ("Anna Berg", ""),
    ("Anna Berg", "Anna Berg"),
    ("Anna Berg", "Berg, Anna"),
    ("Anna Berg", "Berg Anna"),
    ("Anna Berg", "A. Berg"),
    ("Anna Berg", "Anna"),
    ("Anna Berg", "Berg"),
    ("Anna Berg", "Anna Holm"),
    ("Anna Berg", "Anna Berg-Holm"),
    ("Berg,", "Anna Berg-Holm"),
    ("Anna Berg", "Annna Berg"),
    ("Bill Tarn", "William Tarn"),
    ("Bob Tarn", "Rob Tarn"),
    ("Lisbeth Moor", "Elisabeht Moor"),
    ("Katherine Hale", "Catherine Hale"),
    ("Jean-Pierre Roux", "Jean Pierre Roux"),
    ("Mary Anne Lee", "Maryanne Lee"),
    ("J. Robert Hale", "Robert Hale"),
    ("Oscra Hale", "Osacar Hale"),
    ("Lottie Hale", "Lotti Hale"),
    ("Berg,", "Berg Anna"),
    ("Thoas Green", "Thomas Green"),
    ("Jhon Hale", "John Hale"),
    ("Ute Müller", "U. Mueller"),
    ("John Hale", "John Hale Jr."),
    ("Maria Luisa Garcia Lopez", "Maria Garcia"),
    ("Berg,", "Anna"),
    ("Konstantinos Pap", "Konst Pap"),
]
TWO_PEOPLE = [
    ("Anna Berg", "Paul Berg"),
    ("Anna Berg", "P. Berg"),
    ("Anna Berg", "A. Holm"),
    ("Anna Berg", "Holm,"),
    ("Berg,", "Holm,"),
    ("Anna Berg", "Paul"),
    ("Carl Voss Sr.", "Carl Voss Jr."),
    ("John A. Hale", "John B. Hale"),
    ("Christian Adler", "Christina Adler"),
    ("Daniel Adler", "Daniela Adler"),
    ("Mario Rossi", "Maria Rossi"),
    ("Joan Hale", "John Hale"),
    ("Paul Hale", "Paula Hale"),
    ("Zsolt Adler", "Zsolta Adler"),
    ("Ravi Rao", "Rani Rao"),
    ("Xiu Li", "Wei Li"),
    ("Alexander Moor", "Alexandra Moor"),
]


@pytest.mark.parametrize(("one", "other"), ONE_PERSON)
def test_one_person(one: str, other: str):
    assert compatible(parse_name(one), parse_name(other))


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE)
def test_two_people(one: str, other: str):
    assert not compatible(parse_name(one), parse_name(other))


LETTERS = st.text("abno'- .,ÅßéøJ", max_size=12)
NAMES = (
    LETTERS
    | st.text(max_size=30)
    | st.sampled_from([n for pair in ONE_PERSON + TWO_PEOPLE for n in pair])
)


@given(NAMES, NAMES)
def test_compatibility_is_symmetric_and_everybody_is_compatible_with_themselves(
    one: str, other: str
):
    a, b = parse_name(one), parse_name(other)
    assert compatible(a, b) == compatible(b, a)
    assert compatible(a, a)
    assert compatible(a, ABSENT)


@given(st.text(st.characters(codec=None), max_size=300))
def test_any_text_has_parts_that_can_be_stored(text: str):
    name = parse_name(text)
    assert " ".join((name.given, name.surname, name.middle)).isprintable()
    assert 0 <= name.level <= 3


def test_the_tables_are_folded():
    for name in KNOWN | {formal for formals in FORMAL_NAMES.values() for formal in formals}:
        assert fold(name) == name
        assert len(name) > 1
