"""Text to sentences to words, with bounds on both whatever the text."""

import itertools
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Integers = NDArray[np.intp]

MAX_CHARS = 20_000
"""What lies behind is not read: about 3,500 words of English."""

MAX_WORDS = 2_000
"""Words of a text that are read."""

MAX_SENTENCES = 60
"""Sentences that a text is cut into; the last one takes the rest."""

MAX_WORD = 32
"""Characters of a word that are read."""

SHORT = 3
"""A sentence of fewer words belongs to its neighbour."""

_EACH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U0001f300-\U0001faff\u2600-\u27bf"
_WORD = rf"[^\W_{_EACH}]+(?:['’][^\W_{_EACH}]+)*|[{_EACH}]"
_TURN = r"\s(?:but|however|on the other hand)\s"
_TOKEN = re.compile(rf"{_WORD}|[.!?…]+(?=\s|$)|[。！？]|\n+|;\s|,?{_TURN}")
# The same for plain texts of ASCII alone, which most are: two fifths faster. Every alternative begins with a
# character that is seen to be another's without a try, and none gives back what it has taken.
_ASCII = re.compile(
    r"[a-z0-9][a-z0-9]*+(?:'[a-z0-9]++)*+|[.!?][.!?]*+(?=\s|$)|\n\n*+|;\s"
    rf"|,{_TURN}|{_TURN}"
)
_ENDS = frozenset(".!?…。！？\n;,")
"""What the end of a sentence begins with, if not with a blank."""
_DIGIT = re.compile(r"\d")


def plain(text: str) -> str:
    """Lower case, compatibility forms unified, at most MAX_CHARS; half surrogates become `?`."""
    text = text[:MAX_CHARS]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
        # One character may unfold into eighteen, hence the second cut.
        text = unicodedata.normalize("NFKC", text)[:MAX_CHARS]
    return text.lower()


def tokens(text: str) -> list[str]:
    """Words and ends of sentences in order, of a text as it came; `word` tells which is which.

    What lies behind MAX_WORDS words is not read.
    """
    read = plain(text)
    found = (_ASCII if read.isascii() else _TOKEN).findall(read)
    if len(found) > MAX_WORDS:
        words = [at for at, token in enumerate(found) if not _ends(token)]
        if len(words) > MAX_WORDS:
            return found[: words[MAX_WORDS]]
    return found


def word(token: str) -> str:
    """The word that a token is, as it is looked up; "" for the end of a sentence.

    Digits of numbers with four or more become 0: order numbers say nothing of a cause.
    """
    if token.isalpha():
        return token[:MAX_WORD]
    if _ends(token):
        return ""
    said = token[:MAX_WORD].replace("’", "'")
    return _DIGIT.sub("0", said) if len(_DIGIT.findall(said)) >= 4 else said


def _ends(token: str) -> bool:
    return token[0] in _ENDS or token[0].isspace()


def beginnings(ends: Bools, sizes: Integers) -> tuple[Integers, Integers]:
    """Where sentences begin: the first word of each, counted among the words alone, and its text.

    `ends` tells of the tokens of some texts, one text behind the other, which of them end a sentence;
    `sizes` are the numbers of tokens of each text. Fewer than SHORT words belong to the sentence before
    them, at the beginning of a text to the one behind them.
    """
    text = np.repeat(np.arange(len(sizes)), sizes)
    first = np.cumsum(sizes) - sizes
    passed = np.concatenate([[0], np.cumsum(ends)])
    counted = ends & (passed[1:] - passed[first][text] < MAX_SENTENCES)
    words = np.flatnonzero(~ends)
    run = (np.cumsum(counted) + text)[words]
    opens = np.flatnonzero(np.diff(run, prepend=-1))
    whose = text[words[opens]]
    length = np.diff(opens, append=len(words))
    before = opens - (first - passed[first])[whose]
    begins = (before == 0) | ((before >= SHORT) & (length >= SHORT))
    return opens[begins], whose[begins]


def sentences(text: str) -> list[list[str]]:
    """The words of each sentence; no sentence is empty, so a text without words has none.

    A sentence ends at `.`, `!`, `?`, `;`, a line break and before "but" and "however": where people
    change the subject. Scripts without spaces and emoji count each character as a word.
    """
    found = [word(token) for token in tokens(text)]
    ends = np.array([not said for said in found], np.bool_)
    begins = beginnings(ends, np.array([len(found)]))[0].tolist()
    words = [said for said in found if said]
    return [words[a:b] for a, b in itertools.pairwise([*begins, len(words)])]


def items(words: list[str]) -> list[str]:
    """What is looked up for a sentence: its words, then each pair of neighbours joined by a blank."""
    return words + [f"{a} {b}" for a, b in itertools.pairwise(words)]
