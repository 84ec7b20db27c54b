"""Text to sentences to words: total on every text, bounded, and what one would expect."""

import time

from hypothesis import given
from hypothesis import strategies as st
from voc_taxonomy.domain import tone
from voc_taxonomy.domain import words as cutting
from voc_taxonomy.domain.features import COLUMNS, begun, column_of, columns, ended
from voc_taxonomy.domain.language import LANGUAGES, language, votes
from voc_taxonomy.domain.words import (
    MAX_SENTENCES,
    MAX_WORD,
    MAX_WORDS,
    items,
    plain,
    sentences,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_every_text_has_bounded_sentences_of_words(text: str) -> None:
    found = sentences(text)
    assert len(found) <= MAX_SENTENCES
    assert sum(map(len, found)) <= MAX_WORDS
    assert all(found), "no sentence is empty"
    for word in (w for words in found for w in words):
        assert 0 < len(word) <= MAX_WORD
        assert " " not in word, "a blank would make it a pair"
        word.encode()


ODDS = [
    "but",
    "however",
    "on the other hand",
    "don't",
    "x''y",
    "'",
    ",",
    ";",
    ".",
    "?!",
    "\n",
    "\t",
    " ",
    "3.5",
]


@given(
    st.lists(
        st.one_of(st.sampled_from(ODDS), st.text(st.characters(max_codepoint=127))), max_size=12
    )
)
def test_what_is_quick_about_ascii_changes_nothing(said: list[str]) -> None:
    for text in (plain("".join(said)), plain(" ".join(said))):
        assert cutting._ASCII.findall(text) == cutting._TOKEN.findall(text)


def test_sentences_end_where_people_change_the_subject() -> None:
    assert sentences("The app is great, but it crashes daily. Please fix it soon!") == [
        ["the", "app", "is", "great"],
        ["it", "crashes", "daily"],
        ["please", "fix", "it", "soon"],
    ]
    assert sentences("Version 2.5 costs 3.50 now") == [
        ["version", "2", "5", "costs", "3", "50", "now"]
    ]


def test_short_sentences_belong_to_their_neighbour() -> None:
    assert sentences("Hi! Thanks. The invoice is missing. Urgent!") == [
        ["hi", "thanks", "the", "invoice", "is", "missing", "urgent"]
    ]
    assert sentences("Late. Again.") == [["late", "again"]]


def test_forms_of_one_word_are_one() -> None:
    assert sentences("ＤＯＮ’Ｔ")[0] == sentences("don't")[0] == ["don't"]
    assert sentences("order 48213, error 503")[0] == ["order", "00000", "error", "503"]
    assert sentences("返金 please")[0] == ["返", "金", "please"]
    assert sentences("bad 😡😡")[0] == ["bad", "😡", "😡"]


def test_hostile_lengths_are_cut() -> None:
    began = time.process_time()
    for text in (
        "a" * 1_000_000,
        "a. " * 400_000,
        "\ufdfa" * 100_000,
        "\0" * 1_000_000,
        "5" * 500_000,
    ):
        found = sentences(text)
        assert len(found) <= MAX_SENTENCES
        assert sum(map(len, found)) <= MAX_WORDS
        assert all(len(w) <= MAX_WORD for words in found for w in words)
    assert time.process_time() - began < 2.0
    assert plain("a\ud800b") == "a?b"
    assert sentences("") == sentences(" \0\n. ?!") == []


@given(st.text(st.characters(exclude_categories=("Cs", "Zs")), min_size=1, max_size=MAX_WORD))
def test_columns_are_ascending_and_in_range(word: str) -> None:
    where, weights = columns(word)
    assert list(where) == sorted(set(where))
    assert where[0] >= 0
    assert where[-1] < COLUMNS
    assert len(where) == len(weights)
    assert min(weights) > 0


@given(st.text(max_size=MAX_WORD), st.text(max_size=MAX_WORD))
def test_a_pair_whose_words_are_hashed_apart_has_its_column(first: str, second: str) -> None:
    assert ended([begun(first)], [second.encode()]) == [column_of(f"{first} {second}")]


def test_pairs_that_tell_something_begin_with_a_word_that_opens() -> None:
    told = [item for item in tone._SEVERITY if " " in item]
    told += [f"{first} {second}" for first in tone._NEGATORS for second in tone._VALENCE]
    assert all(tone.tells(pair) and tone.opens(pair.split(" ")[0]) for pair in told)
    assert not tone.opens("invoice")


def test_columns_never_change() -> None:
    """Stored models are made of these numbers."""
    assert columns("the app") == ((22539,), (1.2,))
    assert columns("app")[0] == (
        5188,
        5563,
        11820,
        26347,
        33882,
        34737,
        35836,
        42145,
        45279,
        51254,
        52513,
    )


def test_items_are_words_then_neighbours() -> None:
    assert items(["a", "b", "c"]) == ["a", "b", "c", "a b", "b c"]
    assert items(["a"]) == ["a"]


def spoken(text: str) -> str:
    counted = [0.0] * len(LANGUAGES)
    for word in (w for words in sentences(text) for w in words):
        for i, vote in votes(word):
            counted[i] += vote
    return language(text, counted)


def test_languages() -> None:
    assert spoken("I was charged twice and nobody has answered my mail") == "en"
    assert spoken("Ich wurde doppelt belastet und niemand antwortet auf meine Mail") == "de"
    assert spoken("Je n'ai pas reçu ma facture et personne ne répond à mes messages") == "fr"
    assert spoken("No he recibido la factura y nadie me contesta desde hace una semana") == "es"
    assert spoken("La mia fattura non è arrivata e nessuno risponde alle mie email") == "it"
    assert spoken("Ik heb mijn factuur niet ontvangen en niemand geeft antwoord op de mail") == "nl"
    assert spoken("Não recebi a minha fatura e ninguém responde desde que há um problema") == "pt"
    assert spoken("請求書が届きません") == "ja"
    assert spoken("청구서를 받지 못했습니다") == "ko"
    assert spoken("Къде е моята фактура") == ""
    assert spoken("Мы не получили счёт и были удивлены") == "ru"


def test_no_language_rather_than_a_guess() -> None:
    for text in ("app crash", "login", "asdf qwer", "", "503", "OK", "Kind regards, José"):
        assert spoken(text) == ""
