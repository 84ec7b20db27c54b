"""Texts to probabilities: each word's part of every class is computed once and summed."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from voc_taxonomy.domain.features import Floats, Vectors
from voc_taxonomy.domain.lexicon import END, MEAN, MOST, SEVERITY, VALENCE, VOTES, Lexicon, Rows
from voc_taxonomy.domain.model import Model
from voc_taxonomy.domain.words import Integers, beginnings, items, tokens

CACHED = 1 << 16
"""Words kept; when no more texts are sure to fit, the cache is emptied and fills again."""

_CHUNK = 1 << 14
_LONG = 64
"""Runs of more rows are summed one by one."""


class Scores(Struct, frozen=True, eq=False):
    """The scores of some texts; texts without words are not in them.

    `texts` are their positions in what was asked, ascending. `p` (texts, classes) are calibrated
    probabilities of whole texts; `parts` (sentences, classes) those of each sentence of the texts with
    several, `owner` which row of `p` a sentence belongs to. `valence`, `severity` and `votes`
    are sums over the words of a text. `items` gives the looked up words and pairs, `starts` are where each
    text's begin. `pull` takes a class for each text and tells what each item adds to its text's logit
    of that class above the mean of all classes.
    """

    texts: list[int]
    p: Floats
    parts: Floats
    owner: NDArray[np.intp]
    valence: Floats
    severity: Floats
    votes: Floats
    items: Callable[[], list[str]]
    starts: list[int]
    pull: Callable[[NDArray[np.intp]], Floats]


class _Cut(Struct):
    """Texts behind each other: the tokens of all, by text their number; `begin` is the first one's position."""

    begin: int
    tokens: list[str] = []
    sizes: list[int] = []


class Scorer:
    """A model ready to score.

    What it remembers of words makes no difference to any result. The lock keeps two threads from adding
    to it at once.
    """

    def __init__(self, model: Model, vectors: Vectors, cached: int = CACHED) -> None:
        if not _CHUNK * 2 <= cached <= MOST:
            raise ValueError(f"a cache of {cached} rows cannot hold a batch")
        self.model = model
        self._cached = cached
        self._classes = len(model.card.classes)
        self._index = Lexicon(model, vectors)
        self._lock = Lock()

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of texts in several pieces, each of a bounded number of words."""
        found: list[Scores] = []
        cut = _Cut(0)
        with self._lock:
            for i, text in enumerate(texts, 1):
                said = tokens(text)
                cut.tokens += said
                cut.sizes.append(len(said))
                if len(cut.tokens) >= _CHUNK or i == len(texts):
                    found += self._score(cut)
                    cut = _Cut(i)
        return found

    def _score(self, cut: _Cut) -> list[Scores]:
        k, index = self._classes, self._index
        if len(index) + 2 * _CHUNK > self._cached:
            index.forget()
        found = np.fromiter(map(index.__getitem__, cut.tokens), np.int64, len(cut.tokens))
        firsts, whose = beginnings(found == END, np.array(cut.sizes))
        if not len(firsts):
            return []
        words = found[found != END]
        sizes = np.diff(firsts, append=len(words))
        ids, begins = _items(index, words, firsts, sizes)
        rows, names, lengths = index.rows, index.names, 2 * sizes - 1
        opens = np.flatnonzero(np.diff(whose, prepend=-1))
        counts = np.diff(opens, append=len(whose))
        by_part = _sums(rows, ids, begins, lengths)
        by_text = _sums(by_part, np.arange(len(by_part)), opens, counts)
        owner = np.repeat(np.arange(len(counts)), counts)
        several = counts[owner] > 1

        def pull(classes: NDArray[np.intp]) -> Floats:
            scale = 1 / (self._length(by_text)[:, 0] * np.float32(self.model.card.temperature))
            of = np.repeat(np.arange(len(counts)), np.add.reduceat(lengths, opens))
            return (rows[ids, classes[of]] - rows[ids, k + MEAN]) * scale[of]

        def named() -> list[str]:
            said = list(map(names.__getitem__, (words - index.columns).tolist()))
            ends = (firsts + sizes).tolist()
            return [x for a, b in zip(firsts.tolist(), ends, strict=True) for x in items(said[a:b])]

        return [
            Scores(
                texts=(cut.begin + whose[opens]).tolist(),
                p=self._softmax(by_text),
                parts=self._softmax(by_part[several]),
                owner=owner[several],
                valence=by_text[:, k + VALENCE],
                severity=by_text[:, k + SEVERITY],
                votes=by_text[:, k + VOTES :],
                items=named,
                starts=begins[opens].tolist(),
                pull=pull,
            )
        ]

    def _softmax(self, sums: Floats) -> Floats:
        k = self._classes
        logits = sums[:, :k] / self._length(sums) + self.model.bias
        logits /= np.float32(self.model.card.temperature)
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        return p / p.sum(axis=1, keepdims=True)

    def _length(self, sums: Floats) -> Floats:
        k = self._classes
        return np.sqrt(np.maximum(sums[:, k : k + 1], np.float32(1e-9)))


def _items(index: Lexicon, words: Rows, firsts: Integers, sizes: Integers) -> tuple[Rows, Integers]:
    """The rows of the words of each sentence, then those of its pairs, and where each sentence begins."""
    number = np.arange(len(firsts))
    part = np.repeat(number, sizes)
    # A sentence has one pair less than it has words.
    begins = 2 * firsts - number
    at = np.arange(len(words)) + (begins - firsts)[part]
    follows = np.flatnonzero(part[1:] == part[:-1])
    found = np.empty(2 * len(words) - len(firsts), np.int64)
    found[at] = words
    found[(at + sizes[part])[follows]] = index.pairs(words[follows], words[follows + 1])
    return found, begins


def _sums(
    rows: Floats, ids: NDArray[np.intp], begins: NDArray[np.intp], lengths: NDArray[np.intp]
) -> Floats:
    """Sums of runs of `rows[ids]`, each from its begin on in order, whatever runs stand beside it.

    The n-th members of all runs are added at once; `np.add.reduceat` adds one row to one other.
    """
    order = np.argsort(-lengths, kind="stable")
    begins, lengths = begins[order], lengths[order]
    found = np.empty((len(order), rows.shape[1]), np.float32)
    several = int(np.count_nonzero(lengths > _LONG))
    for run in range(several):
        at = begins[run]
        found[run] = rows.take(ids[at : at + lengths[run]], axis=0).sum(axis=0)
    left = found[several:]
    left[:] = rows.take(ids[begins[several:]], axis=0)
    starts, longer = begins[several:], np.bincount(lengths[several:], minlength=1)
    reach = len(left) - np.cumsum(longer)
    for step in range(1, len(longer) - 1):
        n = int(reach[step])
        left[:n] += rows.take(ids[starts[:n] + step], axis=0)
    sums = np.empty_like(found)
    sums[order] = found
    return sums
