"""Texts to probabilities: each word's part of every class is computed once and cached as one row."""

from collections.abc import Callable, Collection, Sequence
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
_LONG = 64
"""Runs of more rows are summed one by one."""
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
    valence: Floats
    severity: Floats
    votes: Floats
    items: list[str]
    starts: list[int]
    pull: Callable[[NDArray[np.intp]], Floats]


class _Cut:
    """Texts cut into what is looked up: by text the number of its parts, by part that of its items."""

    def __init__(self) -> None:
        self.texts: list[int] = []
        self.parts: list[int] = []
        self.lengths: list[int] = []
        self.items: list[str] = []

    def add(self, text: int, parts: Sequence[list[str]]) -> None:
        """Add a text; one without words is left out."""
        if not parts:
            return
        self.texts.append(text)
        self.parts.append(len(parts))
        for words in parts:
            looked_up = items(words)
            self.lengths.append(len(looked_up))
            self.items += looked_up


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
        cut = _Cut()
        with self._lock:
            for i, text in enumerate(texts):
                cut.add(i, sentences(text))
                if len(cut.items) >= _CHUNK:
                    found.append(self._score(cut))
                    cut = _Cut()
            if cut.texts:
                found.append(self._score(cut))
        return found

    def _score(self, cut: "_Cut") -> Scores:
        k = self._classes
        ids = self._ids(cut.items)
        lengths, counts = np.array(cut.lengths), np.array(cut.parts)
        begins, firsts = np.cumsum(lengths) - lengths, np.cumsum(counts) - counts
        rows = self._rows
        by_part = _sums(rows, ids, begins, lengths)
        by_text = _sums(by_part, np.arange(len(by_part)), firsts, counts)
        owner = np.repeat(np.arange(len(counts)), counts)
        several = counts[owner] > 1

        def pull(classes: NDArray[np.intp]) -> Floats:
            scale = 1 / (self._length(by_text)[:, 0] * np.float32(self.model.card.temperature))
            of = np.repeat(np.arange(len(counts)), np.add.reduceat(lengths, firsts))
            return (rows[ids, classes[of]] - rows[ids, k + _MEAN]) * scale[of]

        return Scores(
            texts=cut.texts,
            p=self._softmax(by_text),
            parts=self._softmax(by_part[several]),
            owner=owner[several],
            valence=by_text[:, k + _VALENCE],
            severity=by_text[:, k + _SEVERITY],
            votes=by_text[:, k + _VOTES :],
            items=cut.items,
            starts=begins[firsts].tolist(),
            pull=pull,
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

    def _ids(self, items: list[str]) -> NDArray[np.intp]:
        found = list(map(self._index.get, items))
        missing = [at for at, known in enumerate(found) if known is None] if None in found else []
        if missing:
            new = dict.fromkeys([items[at] for at in missing])
            if len(self._index) + len(new) > self._cached:
                self._index, self._rows = {}, self._empty(1024)
                missing, new = list(range(len(items))), dict.fromkeys(items)
            self._add(new)
            for at in missing:
                found[at] = self._index[items[at]]
        return np.array(found, np.intp)

    def _add(self, new: Collection[str]) -> None:
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
