"""Rows of words and pairs: what they are does not depend on what was looked up before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voc_taxonomy import models
from voc_taxonomy.domain.lexicon import END, Lexicon
from voc_taxonomy.domain.words import tokens, word

from tests.taxonomy import lessons

SAID = ["not", "helpful", "every", "time", "card", "twice", "'", "00000", "zyx", "ｄｏｎ’ｔ", "返", "no", "rush"]  # fmt: skip
WORD = st.one_of(st.sampled_from(SAID), st.text(max_size=12))


def lexicon() -> Lexicon:
    return Lexicon(lessons.trained()[0], models.vectors())


@pytest.fixture(scope="module")
def used() -> Lexicon:
    return lexicon()


@settings(max_examples=60, deadline=None)
@given(st.lists(WORD, max_size=40))
def test_a_pair_that_shares_a_row_has_the_one_it_would_have_alone(
    used: Lexicon, said: list[str]
) -> None:
    """Exactly, also those that were noted where others had been."""
    rows = [row for row in (used[token] for text in said for token in tokens(text)) if row != END]
    first, second = np.array(rows[:-1], np.int64), np.array(rows[1:], np.int64)
    found = used.pairs(first, second)
    assert np.array_equal(found, used.pairs(first, second))
    for a, b, row in zip(first.tolist(), second.tolist(), found.tolist(), strict=True):
        alone = used.worked_out(f"{used.name(a)} {used.name(b)}")
        assert np.array_equal(used.rows[row], alone)


def test_pairs_in_one_place_do_not_answer_for_each_other() -> None:
    index = lexicon()
    rows = np.array([index[f"w{i}"] for i in range(700)], np.int64)
    first, second = np.repeat(rows, 700), np.tile(rows, 700)
    found = index.pairs(first, second)
    assert np.array_equal(index.pairs(first[::-1], second[::-1])[::-1], found)
    assert np.array_equal(index.pairs(first[5000:5100], second[5000:5100]), found[5000:5100])


def test_forms_of_a_word_are_not_kept_nor_are_endless_ends() -> None:
    index = lexicon()
    assert index["48213"] == index["99999"] == index["00000"]
    assert index["!" * 10_000] == index["."] == END
    assert list(index) == ["00000", "."]
    assert [word(token) for token in tokens("Sent 48213. OK")] == ["sent", "00000", "", "ok"]


def test_what_is_forgotten_leaves_rows_that_are_held_alone() -> None:
    index = lexicon()
    row = index["charged"]
    held, names = index.rows, index.names
    before = held[row].tobytes()
    index.forget()
    assert index["refund"] == row
    assert held[row].tobytes() == before
    assert names == ["charged"]
