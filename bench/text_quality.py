"""Accuracy, calibration, abstention and speed of the text model on public sets, beside its bars.

    python bench/text_quality.py --data DIR [--sets banking77,clinc150] [--few] [--starter]

DIR holds banking77/ and clinc150/ (train.csv, test.csv; data_full.json, domains.json). The bars are the
published or formerly measured figures of the same test sets. One thread. `--starter` measures the model
of the starter taxonomy on its held-out sentences (tests/taxonomy/held_out.json) instead.
"""

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from text_speed import rate
from threadpoolctl import threadpool_limits
from voc_taxonomy import models
from voc_taxonomy.domain.calibration import calibration_error
from voc_taxonomy.domain.decisions import Judge, Verdict, decide
from voc_taxonomy.domain.examples import Row
from voc_taxonomy.domain.model import Model, Thresholds
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.tone import valence_of
from voc_taxonomy.domain.training import train
from voc_taxonomy.domain.tree import Node, Taxonomy
from voc_taxonomy.domain.words import items, sentences

BARS = {
    "banking77": "91.9 (static + hashing), 91.2 (TF-IDF words and characters), 92.7 (MiniLM)",
    "clinc150": "93.7 (static + hashing), 92.8 (TF-IDF words and characters), 95.1 (MiniLM)",
}
FEW_BARS = {
    10: "79.8 (static), 65.9 (TF-IDF), 84.9 (MiniLM)",
    5: "72.1 (static), 55.3 (TF-IDF), 80.0 (MiniLM)",
}
HELD_OUT = Path(__file__).parent.parent / "tests" / "taxonomy" / "held_out.json"


def slug(name: str) -> str:
    """A label of the data as an id."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def banking77(folder: Path) -> tuple[list[Row], list[Row], list[str], Taxonomy]:
    def rows(name: str) -> list[Row]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return [Row(slug(r["category"]), r["text"]) for r in csv.DictReader(file)]

    learn = rows("train.csv")
    nodes = tuple(Node(c, c) for c in sorted({r.cause for r in learn}))
    return learn, rows("test.csv"), [], Taxonomy(nodes)


def clinc150(folder: Path) -> tuple[list[Row], list[Row], list[str], Taxonomy]:
    data = json.loads((folder / "data_full.json").read_text("utf-8"))
    domains = json.loads((folder / "domains.json").read_text("utf-8"))
    nodes = [Node(f"domain-{slug(d)}", d) for d in domains]
    nodes += [
        Node(f"i-{slug(i)}", i, f"domain-{slug(d)}") for d, names in domains.items() for i in names
    ]

    def rows(name: str) -> list[Row]:
        return [Row(f"i-{slug(cause)}", text) for text, cause in data[name]]

    return rows("train"), rows("test"), [t for t, _ in data["oos_test"]], Taxonomy(tuple(nodes))


def top(verdicts: Sequence[Verdict], rows: Sequence[Row]) -> np.ndarray:
    return np.array(
        [
            v.likely[0].id == r.cause if v.likely else False
            for v, r in zip(verdicts, rows, strict=True)
        ]
    )


def confidence(verdicts: Sequence[Verdict]) -> np.ndarray:
    return np.array([v.likely[0].p if v.likely else 0.0 for v in verdicts])


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """The chance that a text inside scores above one outside; ties count half."""
    pooled = np.sort(outside)
    below = np.searchsorted(pooled, inside, "left") + np.searchsorted(pooled, inside, "right")
    return float(below.mean() / (2 * len(outside)))


def measure(model: Model, taxonomy: Taxonomy, test: list[Row], outside: list[str]) -> None:
    scorer = Scorer(model, models.vectors())
    verdicts = decide(scorer, taxonomy, [r.text for r in test])
    right, sure = top(verdicts, test), confidence(verdicts)
    print(f"  accuracy            {100 * right.mean():.2f}")
    print(
        f"  calibration error   {100 * calibration_error(sure, right):.2f}  (temperature {model.card.temperature:.3f}; bar .8)"
    )
    refused = decide(scorer, taxonomy, outside)
    for limits in (model.card.thresholds, Thresholds()):
        said = sure >= limits.leaf
        print(
            f"  leaf >= {limits.leaf:.2f}        {100 * said.mean():.1f} % get one, {100 * right[said].mean():.1f} % of them right"
            + (
                f", {100 * (confidence(refused) < limits.leaf).mean():.1f} % of out-of-scope get none"
                if outside
                else ""
            )
        )
    if outside:
        print(
            f"  out of scope        AUROC {100 * auroc(sure, confidence(refused)):.1f}  (bar 95.5, one model, no outside examples)"
        )
        parents = [
            v for v in verdicts if v.causes and v.causes[0].id in {n.parent for n in taxonomy.nodes}
        ]
        print(
            f"  parents             {100 * len(parents) / len(test):.1f} % get one (threshold {model.card.thresholds.parent})"
        )
    languages = Counter(v.language for v in verdicts)
    wrong = sum(n for code, n in languages.items() if code not in ("", "en"))
    print(
        f"  language            en {100 * languages['en'] / len(test):.1f} %, unclear {100 * languages[''] / len(test):.1f} %, wrong {100 * wrong / len(test):.2f} %"
    )


def speed(model: Model, taxonomy: Taxonomy, texts: list[str]) -> None:
    """Texts and words a CPU second: everything from text to verdict."""
    for size in (1, 500):
        judge = Judge(Scorer(model, models.vectors()), taxonomy)
        for state in ("cold", "warm"):
            found = rate(judge, texts, size)
            print(
                f"  batches of {size:>3}, {state}  {found.texts_per_second:>7,.0f} texts/s, {found.words_per_second:>9,.0f} words/s  (bar 10,690 texts/s)"
            )


def few(learn: list[Row], test: list[Row], taxonomy: Taxonomy) -> None:
    for n in (10, 5):
        found: list[float] = []
        for seed in range(3):
            chosen: list[Row] = []
            for cause in sorted({r.cause for r in learn}):
                chosen += Random(seed).sample([r for r in learn if r.cause == cause], n)
            model, _ = train(chosen, taxonomy, models.vectors())
            verdicts = decide(Scorer(model, models.vectors()), taxonomy, [r.text for r in test])
            found.append(100 * float(top(verdicts, test).mean()))
        print(
            f"  {n:>2} examples a class  {np.mean(found):.1f} +- {np.std(found):.1f}  bars {FEW_BARS[n]}"
        )


def starter() -> None:
    taxonomy = models.starter_taxonomy()
    model, data = models.starter_model()
    held = json.loads(HELD_OUT.read_text("utf-8"))
    test = [Row(cause, text) for cause, texts in held["caused"].items() for text in texts]
    parent = {n.id: n.parent for n in taxonomy.nodes}
    print(
        f"starter: model {model.id}, {len(data) / 1e6:.1f} MB, {len(model.card.classes)} classes, {model.card.thresholds}"
    )
    print(f"  cross-validated     {model.card.report}")
    scorer = Scorer(model, models.vectors())
    verdicts = decide(scorer, taxonomy, [r.text for r in test])
    said = [(r, v.causes[0].id) for r, v in zip(test, verdicts, strict=True) if v.causes]
    print(
        f"  held-out sentences  {len(test)}: {100 * top(verdicts, test).mean():.1f} % likeliest right, "
        f"{100 * len(said) / len(test):.1f} % get a cause, {100 * np.mean([c in (r.cause, parent[r.cause]) for r, c in said]):.1f} % of them right"
    )
    refused = decide(scorer, taxonomy, held["none"])
    print(
        f"  off topic           {len(refused)}: {100 * np.mean([not v.causes for v in refused]):.1f} % get none"
    )
    print(
        f"  calibration error   {100 * calibration_error(confidence(verdicts), top(verdicts, test)):.1f}"
    )
    several(scorer, taxonomy, test, held["none"])
    tones(verdicts, taxonomy, test)
    speed(model, taxonomy, [r.text for r in test] * 20)


def several(scorer: Scorer, taxonomy: Taxonomy, test: list[Row], none: list[str]) -> None:
    """Texts joined from held-out ones: two causes, one cause beside talk, one cause twice."""
    random = Random(1)
    for name in ("two causes", "cause and talk", "one cause twice"):
        hits = said = wanted = 0
        for row in test:
            if name == "two causes":
                other = random.choice([r for r in test if r.cause != row.cause])
                parts, truth = [row.text, other.text], {row.cause, other.cause}
            elif name == "cause and talk":
                parts, truth = [random.choice(none), row.text], {row.cause}
            else:
                parts, truth = (
                    [
                        row.text,
                        random.choice([r.text for r in test if r.cause == row.cause and r != row]),
                    ],
                    {row.cause},
                )
            text = " ".join(p if p[-1] in ".!?" else f"{p}." for p in parts)
            found = {c.id for c in decide(scorer, taxonomy, [text])[0].causes}
            hits, said, wanted = hits + len(found & truth), said + len(found), wanted + len(truth)
        print(f"  {name:<18}  precision {100 * hits / said:.1f}, recall {100 * hits / wanted:.1f}")


def tones(verdicts: Sequence[Verdict], taxonomy: Taxonomy, test: list[Row]) -> None:
    """Does sentiment tell praise from defects: by words alone, and with the cause that was found?"""
    kinds = {n.id: n.kind for n in taxonomy.nodes}
    judged = [
        (r.text, v, kinds[r.cause])
        for v, r in zip(verdicts, test, strict=True)
        if kinds[r.cause] in ("praise", "defect")
    ]
    alone = [(sum(valence_of(i) for w in sentences(t) for i in items(w)), k) for t, _, k in judged]
    for name, found in (
        ("words alone", alone),
        ("with the cause", [(v.sentiment, k) for _, v, k in judged]),
    ):
        signs = [(x > 0) == (k == "praise") for x, k in found if x]
        print(
            f"  sentiment           {name}: {100 * len(signs) / len(found):.0f} % of {len(found)} take a side, {100 * np.mean(signs):.1f} % of these the right one"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", default="banking77,clinc150")
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--starter", action="store_true")
    args = parser.parse_args()
    with threadpool_limits(1):
        if args.starter:
            starter()
            return
        for name in args.sets.split(","):
            learn, test, outside, taxonomy = {"banking77": banking77, "clinc150": clinc150}[name](
                args.data / name
            )
            common = Counter(r.cause for r in learn).most_common(1)[0][0]
            print(
                f"{name}: {len(learn)} rows to learn, {len(test)} to test, {len({r.cause for r in learn})} classes"
            )
            print(
                f"  bars                {BARS[name]}; always the commonest class {100 * np.mean([r.cause == common for r in test]):.1f}"
            )
            began = time.process_time()
            model, data = train(learn, taxonomy, models.vectors())
            print(
                f"  trained in          {time.process_time() - began:.1f} CPU s, {len(data) / 1e6:.1f} MB, model {model.id}"
            )
            measure(model, taxonomy, test, outside)
            speed(model, taxonomy, [r.text for r in test])
            if args.few:
                few(learn, test, taxonomy)


if __name__ == "__main__":
    main()
