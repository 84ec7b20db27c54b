"""Training: the same rows give the same bytes, measured honestly, and the scorer computes what was trained."""

from random import Random

import numpy as np
import pytest
from voc_taxonomy import models
from voc_taxonomy.domain import calibration
from voc_taxonomy.domain.examples import Row, canonical, heirs, taught_by
from voc_taxonomy.domain.model import UNKNOWN
from voc_taxonomy.domain.regression import Corpus, Regression, Scales
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.training import NotTrainable, train
from voc_taxonomy.domain.tree import Node, Taxonomy

from tests.taxonomy import lessons


def test_order_and_repetition_of_rows_change_no_byte() -> None:
    rows = lessons.rows()
    shuffled = Random(1).sample(rows + rows[::3], len(rows) + len(rows[::3]))
    assert shuffled != rows
    model, data = train(shuffled, lessons.taxonomy(), models.vectors())
    assert data == lessons.trained()[1]
    assert model.id == lessons.trained()[0].id


def test_another_row_makes_another_model() -> None:
    more = [*lessons.rows(), Row("refund-delay", "my money has not come back to me")]
    model, _ = train(more, lessons.taxonomy(), models.vectors())
    assert model.id != lessons.trained()[0].id


def test_the_report_is_about_rows_that_people_said() -> None:
    card = lessons.trained()[0].card
    spoken = [r for r in canonical(lessons.rows()) if r.spoken]
    assert card.report.rows == len(canonical(lessons.rows()))
    assert card.report.measured == len(spoken)
    assert card.report.accuracy > 0.85
    assert card.report.majority < 0.35
    assert card.report.precision > 0.9
    assert card.taxonomy == 3
    assert card.languages == ("en",)
    assert card.sentences
    assert set(card.classes) == {UNKNOWN, *(n.id for n in lessons.taxonomy().nodes if n.parent)}


def test_scoring_by_cached_words_equals_the_regression_over_texts() -> None:
    """Two ways to the same numbers: sparse matrices of texts in training, sums of rows in service."""
    rows = canonical(lessons.rows())
    vectors = models.vectors()
    corpus = Corpus([r.text for r in rows], vectors)
    classes = lessons.trained()[0].card.classes
    regression = Regression(corpus, Scales(corpus), len(classes))
    target = np.array([classes.index(r.cause) for r in rows])
    regression.fit(np.arange(len(rows)), target)
    card = lessons.trained()[0].card
    expected = calibration.softmax(regression.logits(np.arange(len(rows))), card.temperature)
    scores = lessons.scorer().score([r.text for r in rows])
    scored = np.concatenate([s.p for s in scores])
    # Texts without words are not scored.
    expected = expected[np.concatenate([s.texts for s in scores])]
    assert scored.shape == expected.shape
    assert np.abs(scored - expected).max() < 0.005


def test_the_gradient_is_that_of_the_loss() -> None:
    from voc_taxonomy.domain.regression import _Problem

    rows = canonical(lessons.rows())[::12]
    corpus = Corpus([r.text for r in rows], models.vectors())
    scales = Scales(corpus)
    regression = Regression(corpus, scales, 3)
    problem = _Problem(
        regression._texts,
        regression._hashed,
        regression._words,
        regression._vectors,
        np.arange(len(rows)) % 3,
        3,
    )
    random = np.random.default_rng(0)
    at, along = random.normal(size=(2, problem.size)) * 0.1
    step = 1e-5
    slope = (problem(at + step * along)[0] - problem(at - step * along)[0]) / (2 * step)
    assert slope == pytest.approx(problem(at)[1] @ along, rel=1e-5)


def test_what_cannot_be_learnt_is_said() -> None:
    tree, vectors = lessons.taxonomy(), models.vectors()
    with pytest.raises(NotTrainable, match="not in the taxonomy: no-such-cause"):
        train([*lessons.rows(), Row("no-such-cause", "x")], tree, vectors)
    with pytest.raises(NotTrainable, match="at least two causes"):
        train([r for r in lessons.rows() if r.cause in ("wrong-charge", UNKNOWN)], tree, vectors)
    with pytest.raises(NotTrainable, match="at least two causes"):
        train([], tree, vectors)


def test_causes_with_too_few_rows_are_skipped_and_named() -> None:
    rows = [r for r in lessons.rows() if r.cause != "refund-delay"]
    rows += [Row("refund-delay", "where is my refund"), Row("refund-delay", "no money back")]
    model, _ = train(rows, lessons.taxonomy(), models.vectors())
    assert model.card.report.skipped == (("refund-delay", 2),)
    assert "refund-delay" not in model.card.classes


def test_texts_without_words_do_not_break_training() -> None:
    rows = [*lessons.rows(), Row(UNKNOWN, "..."), Row(UNKNOWN, "\0"), Row("wrong-charge", "???")]
    model, _ = train(rows, lessons.taxonomy(), models.vectors())
    assert np.isfinite(model.weights).all()
    assert Scorer(model, models.vectors()).score(["...", ""]) == []


def test_a_model_of_long_texts_does_not_judge_sentences() -> None:
    long = [Row(r.cause, " ".join([r.text] * 12), r.spoken) for r in lessons.rows()[::2]]
    model, _ = train(long, lessons.taxonomy(), models.vectors())
    assert not model.card.sentences


def test_temperature_recovers_the_one_that_was_applied() -> None:
    random = np.random.default_rng(3)
    truth = random.normal(size=(4000, 6)) * 2
    p = calibration.softmax(truth)
    target = np.array([random.choice(6, p=row) for row in p])
    for applied in (0.25, 1.0, 3.0):
        assert calibration.temperature(truth * applied, target) == pytest.approx(applied, rel=0.08)


def test_calibration_error_of_known_gaps() -> None:
    sure = np.full(100, 0.9)
    right = np.arange(100) < 70
    assert calibration.calibration_error(sure, right) == pytest.approx(0.2)
    assert calibration.calibration_error(sure, np.arange(100) < 90) == pytest.approx(0.0)


def test_thresholds_reach_the_target_or_stay_at_the_top() -> None:
    classes = ("", "a", "b")
    confident = np.linspace(0.34, 0.99, 400)
    p = np.stack([(1 - confident) / 2, confident, (1 - confident) / 2], axis=1)
    right = np.where(confident > 0.75, 1, 2)
    limits = calibration.thresholds(p, right, classes, {})
    said = confident >= limits.leaf
    assert 0.7 < limits.leaf < 0.76
    assert (right[said] == 1).mean() >= calibration.TARGET
    never = calibration.thresholds(p, np.full(400, 2), classes, {})
    assert never.leaf == 0.95
    always = calibration.thresholds(p, np.full(400, 1), classes, {})
    assert always.leaf == 0.5


def test_background_is_never_said_however_sure() -> None:
    p = np.tile([0.98, 0.01, 0.01], (100, 1))
    limits = calibration.thresholds(p, np.zeros(100, int), ("", "a", "b"), {})
    assert limits.leaf == 0.95


def test_families_hold_all_descendants_deepest_first() -> None:
    tree = Taxonomy(
        (
            Node("a", "A"),
            Node("b", "B", "a"),
            Node("c", "C", "b"),
            Node("d", "D", "a"),
            Node("e", "E"),
        )
    )
    assert calibration.families(tree, ("", "c", "d", "e")) == {"b": [1], "a": [1, 2]}
    assert list(calibration.families(tree, ("", "c", "d", "e"))) == ["b", "a"]
    assert calibration.families(tree, ("b", "c")) == {"b": [1, 0], "a": [0, 1]}


def test_rows_of_former_causes_go_to_their_only_heir() -> None:
    tree = Taxonomy(
        (
            Node("new", "N", replaces=("old", "older")),
            Node("l", "L", replaces=("wide",)),
            Node("r", "R", replaces=("wide",)),
        )
    )
    rows = [Row("old", "x"), Row("wide", "y"), Row("gone", "z"), Row("new", "v"), Row(UNKNOWN, "w")]
    assert heirs(tree, rows) == [Row("new", "x"), Row("new", "v"), Row(UNKNOWN, "w")]


def test_families_without_words_of_their_own_teach_nothing() -> None:
    tree = Taxonomy(
        (Node("a", "A", definition="about a"), Node("b", "B", "a", terms=("bee",))),
        background=("hi",),
    )
    assert taught_by(tree) == [
        Row(UNKNOWN, "hi"),
        Row("b", "bee", spoken=False),
        Row("b", "B. ", spoken=False),
    ]
