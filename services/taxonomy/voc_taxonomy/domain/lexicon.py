"""Words and pairs to rows of numbers: what each adds to the sums of its text, worked out once."""

import numpy as np
from numpy.typing import NDArray

from voc_taxonomy.domain import tone
from voc_taxonomy.domain.features import (
    COLUMNS,
    PAIR,
    WIDTH,
    Floats,
    Vectors,
    begun,
    columns,
    ended,
)
from voc_taxonomy.domain.language import LANGUAGES, votes
from voc_taxonomy.domain.model import Model
from voc_taxonomy.domain.words import MAX_WORD, word

Rows = NDArray[np.int64]
"""Positions of rows."""

END = -1
"""What stands for the end of a sentence in place of a row."""

MEAN, VALENCE, SEVERITY, VOTES = 1, 2, 3, 4
"""Columns of a row behind the classes and the squared length; the mean is that of the classes."""

MOST = 1 << 20
"""Words that a lexicon can hold: positions have 21 bits."""

_BITS = 21
_PLACES = 17
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Lexicon(dict[str, int]):
    """By token the row of its word, or END; what is not known yet is learnt when it is asked for.

    A pair of words has one feature, a hashed column, and shares the row of that column with every other
    pair that has it; only pairs with a tone of their own have their own. `rows` begin with those of the
    columns, the last of them for all columns that training never saw. `names` are the words (and such
    pairs) of the rows behind them.
    """

    def __init__(self, model: Model, vectors: Vectors) -> None:
        super().__init__()
        self._vectors = vectors
        self._blend = np.float32(model.card.blend)
        self._embedded, self._hashed = model.weights[:WIDTH], model.weights[WIDTH:]
        self._classes = len(model.card.classes)
        self.columns = len(model.columns) + 1
        self._row_of = np.full(COLUMNS, self.columns - 1, np.int32)
        self._row_of[model.columns] = np.arange(self.columns - 1, dtype=np.int32)
        self._idf = np.append(model.idf, np.float32(model.card.rare))
        self.forget()

    def forget(self) -> None:
        """Be as new; rows that somebody holds stay as they are."""
        self.clear()
        self.names: list[str] = []
        self._begun: list[int] = []
        self._ended: list[bytes] = []
        self._opens: list[bool] = []
        self.rows = self._empty(self.columns + 1024)
        self._fill_columns()
        # Where a pair was looked up last: two positions and that of the row, in one number.
        self._pairs = np.full(1 << _PLACES, -1, np.int64)

    def _empty(self, size: int) -> Floats:
        return np.empty((size, self._classes + VOTES + len(LANGUAGES)), np.float32)

    def _fill_columns(self) -> None:
        k, rows = self._classes, self.rows[: self.columns]
        value = np.float32(PAIR) * self._idf
        rows[:] = 0
        rows[:-1, :k] = self._hashed * value[:-1, None]
        rows[:, k] = value * value
        rows[:, k + MEAN] = rows[:, :k].mean(axis=1)

    def __missing__(self, token: str) -> int:
        """Learn a token. Of tokens that are the same word, as numbers are, only the word is kept."""
        said = word(token)
        if said and said != token:
            return self[said]
        row = self._learn(said) if said else END
        if len(token) <= MAX_WORD:
            self[token] = row
        return row

    def pairs(self, first: Rows, second: Rows) -> Rows:
        """The rows of pairs whose words have these rows."""
        pair = (first << 2 * _BITS) | (second << _BITS)
        place = (pair.view(np.uint64) * _SPREAD) >> np.uint64(64 - _PLACES)
        noted = self._pairs[place]
        row = noted & ((1 << _BITS) - 1)
        missing = np.flatnonzero(noted ^ row != pair)
        if len(missing):
            row[missing] = self._new_pairs(first[missing], second[missing])
            self._pairs[place[missing]] = pair[missing] | row[missing]
        return row

    def name(self, row: int) -> str:
        """The word of a row."""
        return self.names[row - self.columns]

    def _new_pairs(self, first: Rows, second: Rows) -> Rows:
        """The same, of pairs that were not noted: in texts that nobody has written before a third of all."""
        firsts, seconds = (first - self.columns).tolist(), (second - self.columns).tolist()
        hashed = ended(map(self._begun.__getitem__, firsts), map(self._ended.__getitem__, seconds))
        row = self._row_of[hashed].astype(np.int64)
        for at, (a, b) in enumerate(zip(firsts, seconds, strict=True)):
            if self._opens[a] and tone.tells(pair := f"{self.names[a]} {self.names[b]}"):
                row[at] = self[pair] if pair in self else self._told(pair)
        return row

    def _told(self, pair: str) -> int:
        self[pair] = row = self._learn(pair)
        return row

    def _learn(self, item: str) -> int:
        row = self.columns + len(self.names)
        if row == len(self.rows):
            grown = self._empty(row + max(row - self.columns, 1024))
            grown[:row] = self.rows
            self.rows = grown
        self.rows[row] = self.worked_out(item)
        self.names.append(item)
        self._begun.append(begun(item))
        self._ended.append(item.encode())
        self._opens.append(tone.opens(item))
        return row

    def worked_out(self, item: str) -> Floats:
        """The row of an item: its part of each class, squared length, valence, severity, votes.

        Products are summed by numpy and not by BLAS, whose result depends on the machine.
        """
        k = self._classes
        row = np.zeros(self.rows.shape[1], np.float32)
        where, weight = columns(item)
        of = self._row_of[list(where)]
        value = np.array(weight, np.float32) * self._idf[of]
        seen = of < self.columns - 1
        row[:k] = (self._hashed[of[seen]] * value[seen, None]).sum(axis=0)
        row[k] = (value * value).sum()
        if " " not in item:
            vector = self._vectors.of(item) * self._blend
            row[:k] += (self._embedded * vector[:, None]).sum(axis=0)
            row[k] += (vector * vector).sum()
            for i, vote in votes(item):
                row[k + VOTES + i] = vote
        row[k + MEAN] = row[:k].mean()
        row[k + VALENCE] = tone.valence_of(item)
        row[k + SEVERITY] = tone.weight_of(item)
        return row
