"""A small taxonomy with enough rows to learn from: three families out of the starter."""

from functools import cache

from voc_taxonomy import models
from voc_taxonomy.domain.examples import Row, taught_by
from voc_taxonomy.domain.model import Model
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.training import train
from voc_taxonomy.domain.tree import Taxonomy

CHOSEN = (
    "billing",
    "wrong-charge",
    "refund-delay",
    "access",
    "login-failure",
    "password-reset",
    "praise",
    "praise-support",
)


@cache
def taxonomy() -> Taxonomy:
    whole = models.starter_taxonomy()
    nodes = tuple(n for n in whole.nodes if n.id in CHOSEN)
    return Taxonomy(nodes, whole.stages, whole.background[:60], version=3)


def rows() -> list[Row]:
    return taught_by(taxonomy())


@cache
def trained() -> tuple[Model, bytes]:
    return train(rows(), taxonomy(), models.vectors())


def scorer(cached: int = 1 << 16) -> Scorer:
    return Scorer(trained()[0], models.vectors(), cached)
