"""The starter taxonomy and its model, on sentences that nobody taught it."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from voc_taxonomy import models
from voc_taxonomy.domain.decisions import Judge, Verdict
from voc_taxonomy.domain.examples import canonical, taught_by
from voc_taxonomy.domain.model import UNKNOWN
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.training import train

HELD_OUT = json.loads(Path(__file__).with_name("held_out.json").read_text("utf-8"))
CAUSED = [(cause, text) for cause, texts in HELD_OUT["caused"].items() for text in texts]


@cache
def judge() -> Judge:
    return Judge(Scorer(models.starter_model()[0], models.vectors()), models.starter_taxonomy())


@cache
def verdicts() -> list[Verdict]:
    return judge().decide([text for _, text in CAUSED])


def test_every_cause_has_what_it_needs() -> None:
    tree = models.starter_taxonomy()
    parents = {n.parent for n in tree.nodes}
    leaves = [n for n in tree.nodes if n.id not in parents]
    assert 40 <= len(leaves) <= 50
    assert {s for n in leaves for s in n.stages} == set(tree.stages)
    assert {n.kind for n in leaves} == {"defect", "question", "request", "praise"}
    for node in leaves:
        assert node.owner, node.id
        assert node.stages, node.id
        assert len(node.definition) > 40, node.id
        assert len(node.examples) >= 15, node.id
        assert len(node.terms) >= 15, node.id


def test_no_sentence_teaches_two_causes() -> None:
    said = Counter(
        " ".join(r.text.lower().split())
        for r in canonical(taught_by(models.starter_taxonomy()))
        if r.spoken
    )
    assert [t for t, n in said.items() if n > 1] == []


def test_held_out_sentences_were_not_taught() -> None:
    taught = {" ".join(r.text.lower().split()) for r in taught_by(models.starter_taxonomy())}
    held = [text for _, text in CAUSED] + HELD_OUT["none"]
    assert [t for t in held if " ".join(t.lower().split()) in taught] == []
    parents = {n.parent for n in models.starter_taxonomy().nodes}
    assert set(HELD_OUT["caused"]) == {n.id for n in models.starter_taxonomy().nodes} - parents


def test_the_shipped_model_is_that_of_the_shipped_taxonomy() -> None:
    model, _ = models.starter_model()
    tree = models.starter_taxonomy()
    assert model.card.taxonomy == tree.version
    assert set(model.card.classes) == {UNKNOWN} | {n.id for n in tree.nodes if n.examples}
    assert model.card.report.rows == len(canonical(taught_by(tree))), (
        "run bench/starter_model.py --write"
    )


def test_it_finds_the_causes_of_sentences_it_never_saw() -> None:
    parent = {n.id: n.parent for n in models.starter_taxonomy().nodes}
    right = [v.likely[0].id == cause for (cause, _), v in zip(CAUSED, verdicts(), strict=True)]
    said = [
        (cause, v.causes[0].id)
        for (cause, _), v in zip(CAUSED, verdicts(), strict=True)
        if v.causes
    ]
    assert np.mean(right) >= 0.88
    assert len(said) / len(CAUSED) >= 0.75
    assert np.mean([s in (c, parent[c]) for c, s in said]) >= 0.9


def test_it_abstains_off_topic() -> None:
    refused = [not v.causes for v in judge().decide(HELD_OUT["none"])]
    assert np.mean(refused) >= 0.9


def test_it_finds_two_causes_in_two_sentences() -> None:
    hits = said = 0
    for (cause, text), (other, more) in zip(CAUSED, CAUSED[50:] + CAUSED[:50], strict=True):
        (verdict,) = judge().decide([f"{text.rstrip('.!?')}. {more}"])
        found = {c.id for c in verdict.causes}
        said += len(found)
        hits += len(found & {cause, other})
    assert hits / said >= 0.9
    assert hits / (2 * len(CAUSED)) >= 0.7


def test_its_languages_are_hardly_ever_misread() -> None:
    texts = [r.text for r in taught_by(models.starter_taxonomy())]
    wrong = [v.language for v in judge().decide(texts) if v.language not in ("", "en")]
    assert len(wrong) / len(texts) < 0.002


@pytest.mark.slow
def test_training_again_gives_a_model_that_decides_alike() -> None:
    """Not the same bytes: another machine may round differently."""
    tree = models.starter_taxonomy()
    model, _ = train(taught_by(tree), tree, models.vectors())
    again = Judge(Scorer(model, models.vectors()), tree).decide([text for _, text in CAUSED])
    same = [a.likely[0].id == b.likely[0].id for a, b in zip(again, verdicts(), strict=True)]
    assert np.mean(same) >= 0.99
