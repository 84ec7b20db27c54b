"""Labelled rows to a model: the same rows give the same bytes, in whatever order they come."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from voc_taxonomy.domain import calibration
from voc_taxonomy.domain.calibration import Doubles, Integers
from voc_taxonomy.domain.examples import Row, canonical
from voc_taxonomy.domain.features import Vectors
from voc_taxonomy.domain.language import LANGUAGES, language, votes
from voc_taxonomy.domain.model import UNKNOWN, Card, Model, Report, Thresholds, build
from voc_taxonomy.domain.regression import Corpus, Regression, Scales, library
from voc_taxonomy.domain.tree import Taxonomy
from voc_taxonomy.domain.words import sentences

FOLDS = 5
FEWEST_ROWS = 5
"""Rows that a cause needs to be learnt; causes with fewer are skipped and reported."""

MANY_ITEMS = 150_000
"""Words and pairs in all rows: from here on one fold is held out in place of all in turn."""

LONG_TEXT = 40
"""Words. A model taught by texts whose median is longer judges texts whole, not by sentences as well."""


class NotTrainable(ValueError):
    """The rows do not suffice for a model."""


def train(
    rows: Sequence[Row], taxonomy: Taxonomy, vectors: Vectors, fewest: int = FEWEST_ROWS
) -> tuple[Model, bytes]:
    """A calibrated model of `rows` for this taxonomy, and its bytes.

    The taxonomy gives families and version; what it teaches itself (`examples.taught_by`) must be among
    the rows. Rows without a word are left out. Runs on one thread: half a minute for three thousand short
    rows in fifty classes, a minute for fifteen thousand in 150. NotTrainable: a cause is not in the
    taxonomy, or fewer than two have `fewest` rows.
    """
    rows = [r for r in canonical(rows) if sentences(r.text)]
    strangers = sorted({r.cause for r in rows} - set(taxonomy.by_id) - {UNKNOWN})
    if strangers:
        raise NotTrainable(f"not in the taxonomy: {', '.join(strangers[:20])}")
    sizes = Counter(r.cause for r in rows)
    skipped = sorted((c, n) for c, n in sizes.items() if n < fewest)
    rows = [r for r in rows if sizes[r.cause] >= fewest]
    classes = tuple(sorted({r.cause for r in rows}))
    if len([c for c in classes if c != UNKNOWN]) < 2:
        raise NotTrainable(f"a model needs at least two causes with {fewest} rows each")
    with library("threadpoolctl").threadpool_limits(1):
        return _train(rows, taxonomy, vectors, classes, tuple(skipped))


def _train(
    rows: list[Row],
    taxonomy: Taxonomy,
    vectors: Vectors,
    classes: tuple[str, ...],
    skipped: tuple[tuple[str, int], ...],
) -> tuple[Model, bytes]:
    corpus = Corpus([r.text for r in rows], vectors)
    scales = Scales(corpus)
    regression = Regression(corpus, scales, len(classes))
    place = {c: i for i, c in enumerate(classes)}
    target: Integers = np.array([place[r.cause] for r in rows], np.intp)
    folds = FOLDS if corpus.counts.nnz < MANY_ITEMS else 1
    measured, logits = _held_out(regression, rows, target, folds)
    warmth = calibration.temperature(logits, target[measured])
    p = calibration.softmax(logits, warmth)
    groups = calibration.families(taxonomy, classes)
    limits = calibration.thresholds(p, target[measured], classes, groups)
    regression.fit(np.arange(len(rows)), target)
    spoken = [r.text for r in rows if r.spoken] or [r.text for r in rows]
    card = Card(
        classes=classes,
        blend=scales.blend,
        rare=scales.rare,
        temperature=warmth,
        thresholds=limits,
        sentences=_median_words(spoken) <= LONG_TEXT,
        languages=_languages(spoken),
        taxonomy=taxonomy.version,
        report=_report(p, target, measured, classes, limits, skipped),
    )
    return build(card, scales.seen, scales.idf[scales.seen], regression.weights, regression.bias)


def _held_out(
    regression: Regression, rows: list[Row], target: Integers, folds: int
) -> tuple[Integers, Doubles]:
    """Spoken rows and their logits from regressions that did not see them."""
    fold = _folds(rows)
    positions: list[Integers] = []
    logits: list[Doubles] = []
    for f in range(folds):
        unseen = np.flatnonzero(fold == f)
        if len(unseen):
            regression.fit(np.flatnonzero(fold != f), target[fold != f])
            positions.append(unseen)
            logits.append(regression.logits(unseen))
    return np.concatenate(positions), np.concatenate(logits)


def _folds(rows: list[Row]) -> Integers:
    """The fold of each row, balanced within causes by the order of a hash; -1 for rows that only teach."""
    order: dict[str, list[tuple[bytes, int]]] = {}
    for i, row in enumerate(rows):
        if row.spoken:
            key = blake2b(row.text.encode("utf-8", "replace"), digest_size=8).digest()
            order.setdefault(row.cause, []).append((key, i))
    fold = np.full(len(rows), -1, np.intp)
    # Causes start at different folds: otherwise the first folds would take the odd rows of all.
    for start, members in enumerate(order.values()):
        for j, (_, i) in enumerate(sorted(members)):
            fold[i] = (start + j) % FOLDS
    return fold


def _report(
    p: Doubles,
    target: Integers,
    measured: Integers,
    classes: tuple[str, ...],
    limits: Thresholds,
    skipped: tuple[tuple[str, int], ...],
) -> Report:
    truth = target[measured]
    known = np.array([c != UNKNOWN for c in classes])
    best = p.argmax(axis=1)
    top = p.max(axis=1)
    right = best == truth
    caused = known[truth]
    said = known[best] & (top >= limits.leaf)
    counts = np.bincount(truth[caused], minlength=len(classes))

    def share(of: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
        return round(float(of.mean()), 4) if len(of) else -1.0

    return Report(
        rows=len(target),
        measured=len(measured),
        accuracy=share(right[caused]),
        majority=round(float(counts.max() / max(1, counts.sum())), 4),
        precision=share(right[said]),
        coverage=share(said[caused]),
        background_refused=share(~said[~caused]),
        ece=round(calibration.calibration_error(top, right), 4),
        skipped=skipped,
    )


def _median_words(texts: list[str]) -> float:
    return float(np.median([sum(map(len, sentences(t))) for t in texts]))


def _languages(texts: list[str]) -> tuple[str, ...]:
    """Languages of at least a twentieth of the texts whose language is clear."""
    found: Counter[str] = Counter()
    for text in texts:
        counted = [0.0] * len(LANGUAGES)
        for words in sentences(text):
            for word in words:
                for i, vote in votes(word):
                    counted[i] += vote
        found[language(text, counted)] += 1
    del found[""]
    return tuple(sorted(code for code, n in found.items() if n * 20 >= found.total()))
