"""The hot-issue detector in one process: cells judged a CPU second, on the demo's company.

    python bench/detector_speed.py [--companies 5]

`cells_per_second` is what a worker does every ten minutes: one bucket has closed, and every cell is judged on the 70
days behind it. `cell_buckets_per_second` is a history judged at once, as after an import.
"""

import argparse
import time
from typing import Any

import msgspec
from hot_issues import NOW, cells_of, labels
from voc_cli.company import company
from voc_scorecard.domain.cells import Cells
from voc_scorecard.domain.detector import evaluate
from voc_scorecard.domain.episodes import episodes

CLOSINGS = 6
"""Buckets that are closed one by one at the end of each history."""


def measure(companies: int) -> dict[str, Any]:
    """Rates over so many companies, labels as the truth has them."""
    cells = buckets = closed = 0
    whole = each = 0.0
    for seed in range(1, companies + 1):
        made = company(seed, NOW)
        found = cells_of(made, labels(made, 0.0, 0.0, seed))
        whole += _seconds(found, 0)
        cells += len(found.scopes)
        buckets += len(found.scopes) * found.buckets
        for _ in range(CLOSINGS):
            each += _seconds(found, found.buckets - 1)
            closed += len(found.scopes)
    return {
        "companies": companies,
        "cells": cells,
        "cells_per_second": round(closed / each),
        "cell_buckets_per_second": round(buckets / whole),
        "seconds_a_history": round(whole / companies, 2),
        "seconds_a_closed_bucket": round(each / companies / CLOSINGS, 3),
    }


def _seconds(cells: Cells, begin: int) -> float:
    began = time.process_time()
    alarms = evaluate(cells, begin, cells.buckets, None)
    episodes(alarms, cells.starts_at(cells.buckets), cells.places)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=5)
    report = measure(parser.parse_args().companies)
    print(msgspec.json.format(msgspec.json.encode(report)).decode())


if __name__ == "__main__":
    main()
