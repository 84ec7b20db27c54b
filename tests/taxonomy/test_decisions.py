"""Verdicts: several causes, parents, abstention, the words that decided; the same in every batch."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from voc_common.events import Cause
from voc_taxonomy import models
from voc_taxonomy.domain.decisions import MAX_CAUSES, MAX_WORDS, Judge, Verdict, decide
from voc_taxonomy.domain.model import Thresholds, build
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.tree import Taxonomy

from tests.taxonomy import lessons

CHARGED = "You have charged my card twice this month"
LOCKED = "I cannot log in to my account since this morning"
THANKS = "Your support was so friendly and helpful"
SOME = [
    CHARGED,
    LOCKED,
    THANKS,
    "",
    "\0",
    "Hello there",
    f"{THANKS}, but {CHARGED.lower()}",
    f"{LOCKED}. {CHARGED}!",
]


@cache
def judge() -> Judge:
    return Judge(lessons.scorer(), lessons.taxonomy())


def with_card(**changed: object) -> Scorer:
    model = lessons.trained()[0]
    card = replace(model.card, **changed)
    return Scorer(
        build(card, model.columns, model.idf, model.weights, model.bias)[0], models.vectors()
    )


def causes(verdict: Verdict) -> set[str]:
    return {c.id for c in verdict.causes}


def test_one_cause_its_stage_and_the_words_that_decided() -> None:
    (verdict,) = judge().decide([CHARGED])
    assert causes(verdict) == {"wrong-charge"}
    assert verdict.stage == lessons.taxonomy().by_id["wrong-charge"].stages[0] == "adoption"
    assert verdict.language == "en"
    assert 0.5 < verdict.causes[0].p <= 1
    assert {"charged", "twice"} & {w for w, _ in verdict.words[:3]}
    strengths = [s for _, s in verdict.words]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] > 0
    assert len(strengths) <= MAX_WORDS
    assert verdict.likely[0].id == "wrong-charge"
    decision = verdict.decision("v", "abc", 3, 7)
    assert (decision.version, decision.model, decision.taxonomy) == ("v", "abc", 3)
    assert decision.causes == verdict.causes


def test_each_sentence_may_add_a_cause() -> None:
    both, order = judge().decide([f"{THANKS}, but {CHARGED.lower()}.", f"{LOCKED}. {CHARGED}!"])
    assert causes(both) == {"praise-support", "wrong-charge"}
    assert causes(order) == {"login-failure", "wrong-charge"}
    assert [c.p for c in both.causes] == sorted((c.p for c in both.causes), reverse=True)
    many = ". ".join(
        [
            CHARGED,
            LOCKED,
            THANKS,
            "I am waiting for my refund",
            "The password reset link has expired",
        ]
    )
    assert len(judge().decide([many])[0].causes) == MAX_CAUSES


def test_a_model_taught_by_long_texts_judges_them_whole() -> None:
    whole = Judge(with_card(sentences=False), lessons.taxonomy())
    (verdict,) = whole.decide([f"{LOCKED}. {CHARGED}!"])
    assert len(verdict.causes) <= 1


def test_a_cause_beside_small_talk_is_found() -> None:
    (verdict,) = judge().decide([f"Hello team. I hope you are well. {CHARGED}. Have a nice day."])
    assert causes(verdict) == {"wrong-charge"}


def test_unsure_between_siblings_says_the_parent() -> None:
    text = "billing: charge or refund, the money"
    strict = Judge(with_card(thresholds=Thresholds(leaf=0.99, parent=0.6)), lessons.taxonomy())
    (verdict,) = strict.decide([text])
    assert verdict.causes[0].id == "billing"
    leaves = sum(c.p for c in verdict.likely if lessons.taxonomy().by_id[c.id].parent == "billing")
    assert verdict.causes[0].p == pytest.approx(leaves, abs=2e-4)
    assert verdict.words


def test_abstains_rather_than_guesses() -> None:
    for verdict in judge().decide(
        ["What is the weather like tomorrow?", "Hello there", "qwrt zxcv", "", "\0"]
    ):
        assert verdict.causes == ()
        assert verdict.stage == ""
    never = Judge(with_card(thresholds=Thresholds(leaf=1.1, parent=1.1)), lessons.taxonomy())
    (verdict,) = never.decide([CHARGED])
    assert verdict.causes == ()
    assert verdict.likely[0].id == "wrong-charge", "a reviewer still sees what was likeliest"


def test_a_language_that_was_not_taught_is_unknown() -> None:
    german = (
        "Ich wurde doppelt belastet und der support hat nicht geantwortet: charged twice, refund"
    )
    (verdict,) = judge().decide([german])
    assert verdict.language == "de"
    assert verdict.causes == ()
    (taught,) = Judge(with_card(languages=("de", "en")), lessons.taxonomy()).decide([german])
    assert taught.causes


def test_a_class_whose_node_is_gone_is_not_said() -> None:
    tree = lessons.taxonomy()
    without = Taxonomy(tuple(n for n in tree.nodes if n.id != "wrong-charge"), tree.stages)
    (verdict,) = decide(lessons.scorer(), without, [CHARGED])
    assert "wrong-charge" not in {c.id for c in (*verdict.causes, *verdict.likely)}


def test_severity_and_sentiment_order_texts() -> None:
    urgent, plainly, gently, praise = judge().decide(
        [
            "URGENT: charged twice, our lawyer will sue you, this is unacceptable!",
            CHARGED,
            "Minor thing, no rush: I was charged twice, just a small thing",
            THANKS,
        ]
    )
    assert urgent.severity > plainly.severity > gently.severity > praise.severity == 0
    assert urgent.sentiment < 0 < praise.sentiment
    assert praise.sentiment > plainly.sentiment
    nots = judge().decide(["not helpful", "helpful"])
    assert nots[0].sentiment < nots[1].sentiment


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(SOME), ANY_TEXT), max_size=12))
def test_a_verdict_does_not_depend_on_its_batch(texts: list[str]) -> None:
    """Bit for bit: with a fresh cache, one by one, in any company."""
    together = Judge(lessons.scorer(), lessons.taxonomy()).decide(texts)
    alone = [judge().decide([t])[0] for t in texts]
    assert together == alone
    assert len(together) == len(texts)
    for verdict in together:
        assert 0 <= verdict.severity <= 1
        assert -1 < verdict.sentiment < 1
        assert all(0 < c.p <= 1 for c in verdict.causes)


def test_a_full_cache_makes_no_difference() -> None:
    small = Judge(lessons.scorer(1 << 15), lessons.taxonomy())
    noise = [" ".join(f"w{i}x{j}" for j in range(400)) for i in range(100)]
    texts = [t for pair in zip(noise, SOME * 13, strict=False) for t in pair]
    assert small.decide(texts) == judge().decide(texts)
    assert small.decide(SOME) == judge().decide(SOME)
    assert len(small.scorer._index) <= 1 << 15
    with pytest.raises(ValueError, match="cannot hold"):
        lessons.scorer(100)


def test_threads_share_a_scorer() -> None:
    shared = Judge(lessons.scorer(), lessons.taxonomy())
    noise = [[f"{t} extra{i}n{j}" for j, t in enumerate(SOME)] for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(shared.decide, noise))
    assert found == [judge().decide(texts) for texts in noise]


def test_hostile_texts_cost_little_and_break_nothing() -> None:
    hostile = ["a" * 1_000_000, "\0" * 1_000_000, "x " * 500_000, "\ufdfa" * 200_000, "e\u0301" * 300_000,
               "\ud800" * 1000, "\u202e" + CHARGED, "😡" * 100_000, "." * 1_000_000, "\n" * 1_000_000]  # fmt: skip
    began = time.process_time()
    verdicts = judge().decide([*hostile, CHARGED])
    assert time.process_time() - began < 5
    assert verdicts[-1] == judge().decide([CHARGED])[0]
    padded = CHARGED + "\0" * 100_000
    assert causes(judge().decide([padded])[0]) == {"wrong-charge"}


def test_probabilities_of_a_text_sum_to_one() -> None:
    for scores in judge().scorer.score(SOME):
        assert np.allclose(scores.p.sum(axis=1), 1, atol=1e-5)
        assert scores.texts == [i for i, t in enumerate(SOME) if t.strip("\0")]


def test_rounded_probabilities_stay_probabilities() -> None:
    assert all(isinstance(c, Cause) and c.p <= 1 for v in judge().decide(SOME) for c in v.likely)
