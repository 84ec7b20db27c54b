"""Text to sentences to words, with bounds on both whatever the text."""

import itertools
import re
import unicodedata

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
_END = r"[.!?…]+(?=\s|$)|[。！？]|\n+|;\s|,?\s(?:but|however|on the other hand)\s"
_TOKEN = re.compile(f"{_WORD}|{_END}")
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


def sentences(text: str) -> list[list[str]]:
    """The words of each sentence; no sentence is empty, so a text without words has none.

    A sentence ends at `.`, `!`, `?`, `;`, a line break and before "but" and "however": where people
    change the subject. Scripts without spaces and emoji count each character as a word. Digits of
    numbers with four or more become 0: order numbers say nothing of a cause.
    """
    found: list[list[str]] = []
    words: list[str] = []
    ends = 0
    for token in _read(plain(text)):
        if token.isalpha():
            words.append(token[:MAX_WORD])
        elif token[0] not in _ENDS and not token[0].isspace():
            words.append(_shape(token))
        elif (ends := ends + 1) < MAX_SENTENCES:
            if len(words) >= SHORT:
                found.append(words)
                words = []
            elif found:
                found[-1] += words
                words = []
    if len(words) >= SHORT or not found:
        return [*found, words] if words else found
    found[-1] += words
    return found


def _read(text: str) -> list[str]:
    """Words and ends of sentences in order; what lies behind MAX_WORDS words is not read."""
    tokens = _TOKEN.findall(text)
    if len(tokens) > MAX_WORDS:
        words = [
            at
            for at, token in enumerate(tokens)
            if token[0] not in _ENDS and not token[0].isspace()
        ]
        if len(words) > MAX_WORDS:
            return tokens[: words[MAX_WORDS]]
    return tokens


def _shape(word: str) -> str:
    word = word[:MAX_WORD].replace("’", "'")
    return _DIGIT.sub("0", word) if len(_DIGIT.findall(word)) >= 4 else word


def items(words: list[str]) -> list[str]:
    """What is looked up for a sentence: its words, then each pair of neighbours joined by a blank."""
    return words + [f"{a} {b}" for a, b in itertools.pairwise(words)]
