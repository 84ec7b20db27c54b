"""Softmax regression over cached words: texts x items x columns, never texts x columns.

A text's features are the sum of its items' (words and pairs) over its length, so logits are
`scale * (counts @ (item features @ weights))`: some ten items a text in place of 250 columns. That makes one
pass about eight times cheaper than the same regression over a matrix of texts, and it is how the scorer
computes as well.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc_taxonomy.domain.features import COLUMNS, WIDTH, Vectors, columns
from voc_taxonomy.domain.words import items, sentences

Doubles = NDArray[np.float64]
Integers = NDArray[np.intp]

STEPS = 40
"""Iterations. Banking77: 20 give 92.6, 40 92.9, 80 92.7; CLINC150: 25 give 93.6, 40 93.8."""

STRENGTH = 50.0
"""C: weight of the data against the squared weights."""


def library(name: str) -> Any:
    """A module that only training needs; it has no types of its own."""
    return import_module(name)


class Corpus:
    """Texts as counts of items, and the items' features.

    `counts` is a sparse matrix (texts, items); `hashed` (items, COLUMNS) is not yet weighted by idf.
    """

    def __init__(self, texts: Sequence[str], vectors: Vectors) -> None:
        sparse = library("scipy.sparse")
        index: dict[str, int] = {}
        row: list[int] = []
        column: list[int] = []
        for i, text in enumerate(texts):
            for words in sentences(text):
                for item in items(words):
                    row.append(i)
                    column.append(index.setdefault(item, len(index)))
        ones = np.ones(len(row), np.float64)
        self.counts = sparse.csr_matrix((ones, (row, column)), shape=(len(texts), len(index)))
        features = [columns(item) for item in index]
        ends = np.cumsum([0] + [len(where) for where, _ in features])
        flat = [c for where, _ in features for c in where]
        weight = [w for _, weights in features for w in weights]
        self.hashed = sparse.csr_matrix(
            (np.array(weight, np.float64), np.array(flat, np.int32), ends),
            shape=(len(index), COLUMNS),
        )
        self.words: Integers = np.array([i for x, i in index.items() if " " not in x], np.intp)
        self.vectors: Doubles = np.array(
            [vectors.of(x) for x in index if " " not in x], np.float64
        ).reshape(-1, WIDTH)


class Scales:
    """How columns are weighted, learnt from all texts of a corpus (labels are not looked at).

    `idf` (COLUMNS) is log((1 + n) / (1 + texts with the column)) + 1; `blend` makes the embedding part of
    the average text as long as its hashed part.
    """

    def __init__(self, corpus: Corpus) -> None:
        n = corpus.counts.shape[0]
        seen = np.bincount((corpus.counts @ corpus.hashed).tocsr().indices, minlength=COLUMNS)
        self.seen: Integers = np.flatnonzero(seen).astype(np.intp)
        self.idf: Doubles = np.log((1 + n) / (1 + seen)) + 1
        self.rare = float(np.log(1 + n) + 1)
        self.squares: Doubles = _squares(corpus.hashed.multiply(self.idf))
        embedded = np.zeros_like(self.squares)
        embedded[corpus.words] = (corpus.vectors**2).sum(axis=1)
        counted = corpus.counts
        self.blend = float(np.sqrt((counted @ self.squares).sum() / (counted @ embedded).sum()))
        self.squares += self.blend**2 * embedded


def _squares(matrix: Any) -> Doubles:
    return np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64).ravel()


class Regression:
    """A regression over some texts of a corpus; `weights` and `bias` once it is fitted."""

    def __init__(self, corpus: Corpus, scales: Scales, classes: int) -> None:
        sparse = library("scipy.sparse")
        length = np.sqrt(np.maximum(corpus.counts @ scales.squares, 1e-9))
        self._texts = sparse.diags(1 / length) @ corpus.counts
        self._hashed = (corpus.hashed @ sparse.diags(scales.idf)).tocsc()[:, scales.seen].tocsr()
        self._words = corpus.words
        self._vectors = corpus.vectors * scales.blend
        self.classes = classes
        self.weights: Doubles = np.zeros((WIDTH + len(scales.seen), classes))
        self.bias: Doubles = np.zeros(classes)

    def fit(self, of: Integers, target: Integers, steps: int = STEPS) -> None:
        """Fit to the texts `of` with the classes `target`, from zero, by L-BFGS in `steps` iterations."""
        rows = self._texts[of]
        used = np.unique(rows.indices)
        problem = _Problem(
            rows[:, used].tocsr(),
            self._hashed[used].tocsr(),
            np.searchsorted(used, used[np.isin(used, self._words)]),
            self._vectors[np.isin(self._words, used)],
            target,
            self.classes,
        )
        found = library("scipy.optimize").minimize(
            problem,
            np.zeros(problem.size),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": steps, "gtol": 1e-7, "ftol": 1e-9, "maxcor": 5},
        )
        self.weights, self.bias = problem.unfold(found.x)

    def logits(self, of: Integers) -> Doubles:
        """Logits (texts, classes) of the texts `of`."""
        by_item = self._hashed @ self.weights[WIDTH:]
        by_item[self._words] += self._vectors @ self.weights[:WIDTH]
        return np.asarray(self._texts[of] @ by_item) + self.bias


class _Problem:
    """Loss and gradient for L-BFGS.

    Variables are scaled by the square root of the curvature that their column has, which halves the
    iterations: frequent columns would otherwise hold the steps of rare ones back.
    """

    def __init__(
        self, texts: Any, hashed: Any, words: Integers, vectors: Doubles, target: Integers, k: int
    ) -> None:
        self._texts, self._back = texts, texts.T.tocsr()
        self._hashed, self._hashed_back = hashed, hashed.T.tocsr()
        self._words, self._vectors = words, vectors
        self._k, self._n = k, len(target)
        self._at = (np.arange(self._n), target)
        energy = np.concatenate(
            [
                ((texts[:, words] @ vectors) ** 2).sum(axis=0),
                np.asarray((texts @ hashed).power(2).sum(axis=0)).ravel(),
                [self._n],
            ]
        )
        self._scale = np.sqrt(1 + STRENGTH * energy / k)[:, None]
        self.size = len(energy) * k

    def __call__(self, variables: Doubles) -> tuple[float, Doubles]:
        weights, bias = self.unfold(variables)
        by_item = self._hashed @ weights[WIDTH:]
        by_item[self._words] += self._vectors @ weights[:WIDTH]
        logits = np.asarray(self._texts @ by_item) + bias
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        total = p.sum(axis=1, keepdims=True)
        loss = float(np.log(total).sum() - logits[self._at].sum())
        miss = STRENGTH * p / total
        miss[self._at] -= STRENGTH
        by_item = np.asarray(self._back @ miss)
        gradient = np.empty((len(self._scale), self._k))
        gradient[:WIDTH] = self._vectors.T @ by_item[self._words]
        gradient[WIDTH:-1] = self._hashed_back @ by_item
        gradient[-1] = miss.sum(axis=0)
        gradient[:-1] += weights
        gradient /= self._scale
        size = self._n * STRENGTH
        return (STRENGTH * loss + 0.5 * float((weights**2).sum())) / size, gradient.ravel() / size

    def unfold(self, variables: Doubles) -> tuple[Doubles, Doubles]:
        """Weights and bias of the optimiser's variables."""
        matrix = variables.reshape(-1, self._k) / self._scale
        return matrix[:-1], matrix[-1]
