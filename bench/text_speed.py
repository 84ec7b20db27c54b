"""The text tier in one process and one thread: texts and words a CPU second, from text to verdict.

    python bench/text_speed.py [--texts 40000]

Short texts are those of the demo's company; long ones are 25 of them joined. Batches of 500 as a worker has them,
first by a judge that has seen nothing (`cold`), then the same texts again (`warm`); the figure is the cold one.
"""

import argparse
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
from load import demo_texts
from msgspec import Struct
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from voc_taxonomy.domain.decisions import Judge
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.models import starter_model, starter_taxonomy, vectors

BATCH = 500
JOINED = 25


class Rate(Struct, frozen=True):
    """How fast texts were judged, by CPU time."""

    texts: int
    words_per_text: float
    texts_per_second: float
    words_per_second: float


def rate(judge: Judge, texts: Sequence[str], size: int = BATCH, *, explain: bool = True) -> Rate:
    """Judge all texts in batches of `size`."""
    words = sum(len(text.split()) for text in texts)
    began = time.process_time()
    for begin in range(0, len(texts), size):
        judge.decide(texts[begin : begin + size], explain=explain)
    took = time.process_time() - began
    return Rate(
        len(texts), round(words / len(texts), 1), round(len(texts) / took), round(words / took)
    )


def measure(texts: int) -> dict[str, Any]:
    """Rates of short and long texts, of each with a judge of its own."""
    known = sorted({text for text, _, _ in demo_texts()})
    rng = Random(7)
    kinds = {
        "short": [rng.choice(known) for _ in range(texts)],
        "long": [" ".join(rng.choices(known, k=JOINED)) for _ in range(texts // JOINED)],
    }
    report: dict[str, Any] = {"different_texts": len(known)}
    with threadpool_limits(1):
        for name, chosen in kinds.items():
            judge = Judge(Scorer(starter_model()[0], vectors()), starter_taxonomy())
            cold = rate(judge, chosen, explain=False)
            warm = rate(judge, chosen, explain=False)
            report[name] = msgspec.to_builtins(cold) | {"warm": msgspec.to_builtins(warm)}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=40_000)
    print(msgspec.json.format(msgspec.json.encode(measure(parser.parse_args().texts))).decode())


if __name__ == "__main__":
    main()
