"""Texts to probabilities: each word's part of every class is computed once and cached as one row."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from voc_taxonomy.domain import tone
from voc_taxonomy.domain.features import COLUMNS, WIDTH, Floats, Vectors, columns
from voc_taxonomy.domain.language import LANGUAGES, votes
from voc_taxonomy.domain.model import Model
from voc_taxonomy.domain.words import items, sentences

CACHED = 1 << 16
"""Words and pairs kept; when full, the cache is emptied and fills again."""

_CHUNK = 1 << 14
_MEAN, _VALENCE, _SEVERITY, _VOTES = 1, 2, 3, 4
"""Columns of a cached row behind the classes and the squared length; the mean is that of the classes."""


class Scores(Struct, frozen=True, eq=False):
    """The scores of some texts; texts without words are not in them.

    `texts` are their positions in what was asked, ascending. `p` (texts, classes) are calibrated
    probabilities of whole texts; `parts` (sentences, classes) those of each sentence of the texts with
    several, `owner` which row of `p` a sentence belongs to. `valence`, `severity` and `votes`
    are sums over the words of a text. `items` are the looked up words and pairs, `starts` where each
    text's begin. `pull` takes a class for each text and tells what each item adds to its text's logit
    of that class above the mean of all classes.
    """

    texts: list[int]
    p: Floats
    parts: Floats
    owner: NDArray[np.intp]
    valence: list[float]
    severity: list[float]
    votes: list[list[float]]
    items: list[str]
    starts: list[int]
    pull: Callable[[NDArray[np.intp]], Floats]


class Scorer:
    """A model ready to score.

    The cache makes no difference to any result. The lock keeps two threads from filling it at once.
    """

    def __init__(self, model: Model, vectors: Vectors, cached: int = CACHED) -> None:
        if cached < _CHUNK * 2:
            raise ValueError(f"a cache of {cached} rows cannot hold a batch")
        self.model = model
        self._vectors = vectors
        self._cached = cached
        self._classes = len(model.card.classes)
        self._slot = np.full(COLUMNS, -1, np.int32)
        self._slot[model.columns] = np.arange(len(model.columns), dtype=np.int32)
        self._idf = np.full(COLUMNS, model.card.rare, np.float32)
        self._idf[model.columns] = model.idf
        # A last row of zeros takes the columns that training never saw.
        self._hashed = np.vstack([model.weights[WIDTH:], np.zeros((1, self._classes), np.float32)])
        self._embedded = model.weights[:WIDTH]
        self._index: dict[str, int] = {}
        self._rows = self._empty(1024)
        self._lock = Lock()

    def _empty(self, size: int) -> Floats:
        return np.empty((size, self._classes + _VOTES + len(LANGUAGES)), np.float32)

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of texts in several pieces, each of a bounded number of words."""
        found: list[Scores] = []
        at: list[int] = []
        cut: list[list[list[str]]] = []
        held = 0
        with self._lock:
            for i, text in enumerate(texts):
                looked_up = [items(words) for words in sentences(text)]
                if not looked_up:
                    continue
                at.append(i)
                cut.append(looked_up)
                held += sum(map(len, looked_up))
                if held >= _CHUNK:
                    found.append(self._score(at, cut))
                    at, cut, held = [], [], 0
            if at:
                found.append(self._score(at, cut))
        return found

    def _score(self, at: list[int], cut: list[list[list[str]]]) -> Scores:
        k = self._classes
        flat = [item for text in cut for part in text for item in part]
        ids = self._ids(flat)
        lengths = [len(part) for text in cut for part in text]
        begins = np.cumsum([0, *lengths[:-1]])
        counts = np.array([len(text) for text in cut])
        firsts = np.cumsum(counts) - counts
        rows = self._rows
        by_part = np.add.reduceat(rows[ids], begins, axis=0)
        by_text = np.add.reduceat(by_part, firsts, axis=0)
        scale = 1 / (self._length(by_text)[:, 0] * np.float32(self.model.card.temperature))
        text_of = np.repeat(np.arange(len(cut)), np.add.reduceat(lengths, firsts))
        owner = np.repeat(np.arange(len(cut)), counts)
        several = counts[owner] > 1
        return Scores(
            texts=at,
            p=self._softmax(by_text),
            parts=self._softmax(by_part[several]),
            owner=owner[several],
            valence=by_text[:, k + _VALENCE].tolist(),
            severity=by_text[:, k + _SEVERITY].tolist(),
            votes=by_text[:, k + _VOTES :].tolist(),
            items=flat,
            starts=begins[firsts].tolist(),
            pull=lambda classes: (
                (rows[ids, classes[text_of]] - rows[ids, k + _MEAN]) * scale[text_of]
            ),
        )

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

    def _ids(self, flat: list[str]) -> NDArray[np.intp]:
        get = self._index.get
        ids = np.array([get(item, -1) for item in flat], np.intp)
        if ids.min() >= 0:
            return ids
        new = list(dict.fromkeys([item for item in flat if item not in self._index]))
        if len(self._index) + len(new) > self._cached:
            self._index, self._rows = {}, self._empty(1024)
            new = list(dict.fromkeys(flat))
        self._add(new)
        get = self._index.get
        return np.array([get(item, -1) for item in flat], np.intp)

    def _add(self, new: list[str]) -> None:
        size = len(self._index) + len(new)
        if size > len(self._rows):
            grown = self._empty(max(size, 2 * len(self._rows)))
            grown[: len(self._index)] = self._rows[: len(self._index)]
            self._rows = grown
        for item in new:
            self._rows[len(self._index)] = self._row(item)
            self._index[item] = len(self._index)

    def _row(self, item: str) -> Floats:
        """The row of an item: its part of each class, squared length, valence, severity, votes.

        Products are summed by numpy and not by BLAS, whose result depends on the machine.
        """
        k = self._classes
        row = np.zeros(self._rows.shape[1], np.float32)
        where, weight = columns(item)
        value = np.array(weight, np.float32) * self._idf[list(where)]
        row[:k] = (self._hashed[self._slot[list(where)]] * value[:, None]).sum(axis=0)
        row[k] = (value * value).sum()
        if " " not in item:
            vector = self._vectors.of(item) * np.float32(self.model.card.blend)
            row[:k] += (self._embedded * vector[:, None]).sum(axis=0)
            row[k] += (vector * vector).sum()
            for i, vote in votes(item):
                row[k + _VOTES + i] = vote
        row[k + _MEAN] = row[:k].mean()
        row[k + _VALENCE] = tone.valence_of(item)
        row[k + _SEVERITY] = tone.weight_of(item)
        return row
