"""Temperature and thresholds, fitted on texts that the measured model had not seen."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voc_taxonomy.domain.model import UNKNOWN, Thresholds
from voc_taxonomy.domain.tree import Taxonomy

Doubles = NDArray[np.float64]
Integers = NDArray[np.intp]

TARGET = 0.87
"""Precision that leaves and parents are to reach."""

FEWEST = 20
"""Accepted texts from which a precision is believed."""

_LEAF = np.arange(0.5, 0.951, 0.01)
_PARENT = np.arange(0.6, 0.981, 0.01)


def softmax(logits: Doubles, temperature: float = 1.0) -> Doubles:
    """Probabilities (texts, classes)."""
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    p = np.exp(scaled)
    return p / p.sum(axis=1, keepdims=True)


def temperature(logits: Doubles, target: Integers) -> float:
    """The temperature of the least log loss (Guo et al. 2017), by golden section over its logarithm."""

    def loss(log_t: float) -> float:
        p = softmax(logits, float(np.exp(log_t)))
        return float(-np.log(np.maximum(p[np.arange(len(target)), target], 1e-12)).mean())

    low, high = np.log(0.02), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        third = ratio * (high - low)
        a, b = high - third, low + third
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return round(float(np.exp((low + high) / 2)), 6)


def calibration_error(confidence: Doubles, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over bins of equal width."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(right[bin_of == b].mean()) - float(confidence[bin_of == b].mean()))
        * float((bin_of == b).mean())
        for b in np.unique(bin_of)
    ]
    return float(sum(gaps))


def families(taxonomy: Taxonomy, classes: Sequence[str]) -> dict[str, list[int]]:
    """The classes below each node that is a parent, as positions; deepest families first."""
    found: dict[str, list[int]] = {}
    depth: dict[str, int] = {}
    for i, cause in enumerate(classes):
        above = list(taxonomy.lineage(cause))
        for level, parent in enumerate(reversed(above)):
            found.setdefault(parent, []).append(i)
            depth[parent] = level
    for i, cause in enumerate(classes):
        if cause in found:
            found[cause].append(i)
    return {p: found[p] for p in sorted(found, key=lambda p: (-depth[p], p))}


def thresholds(
    p: Doubles, target: Integers, classes: Sequence[str], groups: Mapping[str, Sequence[int]]
) -> Thresholds:
    """The least thresholds at which leaves, and then parents among the rest, are right TARGET of the time.

    At least 0.5 for a leaf, 0.6 for a parent: a verdict is the likelier side of a bet. Where the target is
    never reached, or too few are accepted to tell, the greatest threshold stands.
    """
    known = np.array([c != UNKNOWN for c in classes])
    best = p.argmax(axis=1)
    top = np.where(known[best], p[np.arange(len(p)), best], 0.0)
    leaf = _least(top, best == target, _LEAF)
    rest = top < leaf
    if not groups:
        return Thresholds(leaf=leaf)
    sums = np.stack([p[rest][:, list(g)].sum(axis=1) for g in groups.values()], axis=1)
    member = np.stack([np.isin(target[rest], list(g)) for g in groups.values()], axis=1)
    first = sums.argmax(axis=1)
    rows = np.arange(len(sums))
    return Thresholds(leaf=leaf, parent=_least(sums[rows, first], member[rows, first], _PARENT))


def _least(confidence: Doubles, right: NDArray[np.bool_], grid: Doubles) -> float:
    for threshold in grid:
        accepted = right[confidence >= threshold]
        if len(accepted) < FEWEST:
            break
        if accepted.mean() >= TARGET:
            return round(float(threshold), 2)
    return round(float(grid[-1]), 2)
