"""Probabilities to verdicts: causes, stage, severity, sentiment, language and the words that decided.

A text gets the leaf of the whole text and the leaves of its sentences that reach the leaf's threshold,
each with the greatest probability it has there, the likeliest three; else the parent whose leaves sum to the
parent's threshold; else none: `unknown`. Only models taught by sentences judge sentences. A text in a
language that training did not see gets none.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from voc_common.events import Cause, Decision

from voc_taxonomy.domain import tone
from voc_taxonomy.domain.calibration import families
from voc_taxonomy.domain.features import Floats
from voc_taxonomy.domain.language import languages
from voc_taxonomy.domain.model import UNKNOWN, Model
from voc_taxonomy.domain.scorer import Scorer, Scores
from voc_taxonomy.domain.tree import Kind, Taxonomy

MAX_CAUSES = 3
"""Causes that a text can have."""

MAX_WORDS = 5
"""Words that a verdict names."""

FAINT = 0.1
"""Words that pulled less than this share of the strongest are not named."""


class Verdict(Struct, frozen=True, gc=False):
    """What a text is about.

    `causes` hold the likeliest first and are empty for `unknown`. `words` are those that pulled most
    towards the first cause (towards the likeliest class if there is none), each with its part of the
    logit above the average class, in descending order. `likely` are the likeliest leaves whatever the
    thresholds, for a review queue. `severity` is in [0, 1], `sentiment` in (-1, 1), both coarse.
    """

    causes: tuple[Cause, ...] = ()
    stage: str = ""
    severity: float = 0.0
    sentiment: float = 0.0
    language: str = ""
    words: tuple[tuple[str, float], ...] = ()
    likely: tuple[Cause, ...] = ()

    def decision(self, version: str, model: str, taxonomy: int, decided_at: int) -> Decision:
        """The decision to publish."""
        return Decision(
            version,
            self.causes,
            self.stage,
            self.severity,
            self.sentiment,
            self.language,
            model,
            taxonomy,
            decided_at,
        )


class _Tree:
    """What deciding needs of a taxonomy, for the classes of a model."""

    def __init__(self, model: Model, taxonomy: Taxonomy) -> None:
        names = model.card.classes
        self.names = names
        # A class whose node is gone must not be said any more: it counts as unknown.
        self.sayable = np.array([c != UNKNOWN and c in taxonomy.by_id for c in names])
        self.families = families(taxonomy, names)
        self.kind: Mapping[str, Kind] = {n.id: n.kind for n in taxonomy.nodes}
        self.stage = {n.id: taxonomy.stage_of(n.id) for n in taxonomy.nodes}


class Judge:
    """A scorer and a taxonomy, ready to decide. Safe to share between threads."""

    def __init__(self, scorer: Scorer, taxonomy: Taxonomy) -> None:
        self.scorer = scorer
        self.taxonomy = taxonomy
        self._tree = _Tree(scorer.model, taxonomy)

    def decide(self, texts: Sequence[str], *, explain: bool = True) -> list[Verdict]:
        """A verdict for each text, in order: nothing but model, taxonomy and the text itself matters.

        Computes without pause, some 15 us a short text: a service lets a thread do it for long batches.
        Without `explain` the verdicts name no words.
        """
        verdicts = [Verdict()] * len(texts)
        for scores in self.scorer.score(texts):
            _decide(self.scorer.model, self._tree, scores, texts, verdicts, explain)
        return verdicts


def decide(scorer: Scorer, taxonomy: Taxonomy, texts: Sequence[str]) -> list[Verdict]:
    """A verdict for each text, in order; to decide often make a Judge once."""
    return Judge(scorer, taxonomy).decide(texts)


def _decide(
    model: Model,
    tree: _Tree,
    scores: Scores,
    texts: Sequence[str],
    verdicts: list[Verdict],
    explain: bool,
) -> None:
    codes = languages([texts[at] for at in scores.texts], scores.votes)
    leaves = _leaves(model, tree, scores)
    rest = [row for row in range(len(codes)) if row not in leaves]
    parents = _parents(tree, scores.p, rest, model.card.thresholds.parent)
    understood = model.card.languages
    causes: list[tuple[Cause, ...]] = [()] * len(codes)
    for row in parents.keys() | leaves.keys():
        if not codes[row] or not understood or codes[row] in understood:
            causes[row] = _likeliest(leaves[row]) if row in leaves else parents[row]
    kinds: list[Kind | None] = [tree.kind[c[0].id] if c else None for c in causes]
    likely, words = (
        _explained(tree, scores, causes) if explain else ([()] * len(codes), [()] * len(codes))
    )
    every = zip(
        scores.texts,
        causes,
        tone.severity(scores.severity, kinds),
        tone.sentiment(scores.valence, kinds),
        codes,
        words,
        likely,
        strict=True,
    )
    for at, caused, severity, sentiment, code, said, likeliest in every:
        stage = tree.stage[caused[0].id] if caused else ""
        verdicts[at] = Verdict(caused, stage, severity, sentiment, code, said, likeliest)


def _explained(
    tree: _Tree, scores: Scores, causes: Sequence[tuple[Cause, ...]]
) -> tuple[list[tuple[Cause, ...]], list[tuple[tuple[str, float], ...]]]:
    """For each text its likeliest leaves, and the words that pulled towards its cause."""
    best = np.where(tree.sayable, scores.p, -1.0).argsort(axis=1, kind="stable")[:, ::-1][:, :3]
    orders: list[list[int]] = best.tolist()
    tops: list[list[float]] = np.take_along_axis(scores.p, best, axis=1).tolist()
    pulled = scores.p.argmax(axis=1)
    likely: list[tuple[Cause, ...]] = []
    for row, (caused, order, values) in enumerate(zip(causes, orders, tops, strict=True)):
        likely.append(
            tuple(
                Cause(tree.names[c], round(v, 4))
                for c, v in zip(order, values, strict=True)
                if tree.sayable[c]
            )
        )
        if caused:
            pulled[row] = _class_of(tree, caused[0].id, order)
    return likely, _words(scores, pulled)


def _leaves(model: Model, tree: _Tree, scores: Scores) -> dict[int, dict[str, float]]:
    """The leaves that whole texts or single sentences reach, by row of `scores.p`."""
    leaf = model.card.thresholds.leaf
    found = _sentence_causes(model, tree, scores)
    # Probabilities are compared as they are shown, in steps of a ten-thousandth.
    rows, classes = np.nonzero((scores.p >= leaf - 1e-4) & tree.sayable)
    # Of a float32 exactly what `round` to four places makes of it, for all at once.
    shown = np.rint(scores.p[rows, classes].astype(np.float64) * 10_000) / 10_000
    for row, c, p in zip(rows.tolist(), classes.tolist(), shown.tolist(), strict=True):
        if p >= leaf:
            causes, name = found.setdefault(row, {}), tree.names[c]
            causes[name] = max(p, causes.get(name, 0.0))
    return found


def _sentence_causes(model: Model, tree: _Tree, scores: Scores) -> dict[int, dict[str, float]]:
    """The leaves that single sentences reach, by row of `scores.p`."""
    found: dict[int, dict[str, float]] = {}
    if not model.card.sentences or not len(scores.parts):
        return found
    first = scores.parts.argmax(axis=1)
    value = scores.parts.max(axis=1)
    reached = np.flatnonzero((value >= model.card.thresholds.leaf) & tree.sayable[first])
    rows: list[int] = scores.owner[reached].tolist()
    classes: list[int] = first[reached].tolist()
    values: list[float] = value[reached].tolist()
    for row, c, v in zip(rows, classes, values, strict=True):
        causes, name = found.setdefault(row, {}), tree.names[c]
        causes[name] = max(v, causes.get(name, 0.0))
    return found


def _likeliest(reached: dict[str, float]) -> tuple[Cause, ...]:
    if len(reached) == 1:
        ((only, p),) = reached.items()
        return (Cause(only, round(p, 4)),)
    order = sorted(reached.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_CAUSES]
    return tuple([Cause(c, round(p, 4)) for c, p in order])


def _parents(
    tree: _Tree, p: Floats, rows: list[int], parent: float
) -> dict[int, tuple[Cause, ...]]:
    """By row the first family (the deepest come first) whose leaves sum to the threshold."""
    found: dict[int, tuple[Cause, ...]] = {}
    chosen = p[rows]
    for name, members in reversed(tree.families.items()):
        if name in tree.kind:
            totals = chosen[:, members].sum(axis=1, dtype=np.float64)
            for at in np.flatnonzero(totals >= parent).tolist():
                found[rows[at]] = (Cause(name, round(min(float(totals[at]), 1.0), 4)),)
    return found


def _class_of(tree: _Tree, cause: str, order: list[int]) -> int:
    """The class whose words explain a cause: its own, for a parent the likeliest of its family."""
    if cause in tree.families:
        members = tree.families[cause]
        return next((c for c in order if c in members), members[0])
    return tree.names.index(cause)


def _words(scores: Scores, classes: NDArray[np.intp]) -> list[tuple[tuple[str, float], ...]]:
    items = scores.items()
    ends = [*scores.starts[1:], len(items)]
    text_of = np.repeat(np.arange(len(ends)), np.subtract(ends, scores.starts))
    # In thousandths, so that the order is that of the numbers shown and no rounding depends on the batch.
    pull = np.rint(scores.pull(classes) * 1000).astype(np.int64)
    order: list[int] = np.argsort((text_of << 40) - pull, kind="stable").tolist()
    strength: list[int] = pull.tolist()
    found: list[tuple[tuple[str, float], ...]] = []
    for start, end in zip(scores.starts, ends, strict=True):
        named: dict[str, float] = {}
        least = max(strength[order[start]] * FAINT, 0.0)
        # Words repeat, hence the look at twice as many.
        for i in order[start : min(end, start + 2 * MAX_WORDS)]:
            if strength[i] > least and len(named) < MAX_WORDS:
                named.setdefault(items[i], strength[i] / 1000)
        found.append(tuple(named.items()))
    return found
