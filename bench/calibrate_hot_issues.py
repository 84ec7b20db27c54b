"""Fits what an alarm's evidence is worth, on replays of simulated companies; prints the data to keep.

    python bench/calibrate_hot_issues.py --seeds 40 --first 1

Take other seeds for this than for any table that is published.
"""

import argparse
from dataclasses import replace

import numpy as np
from hot_issues import GRADES, NOW, Call, cells_of, is_of, labels
from voc_cli.company import Company, company
from voc_scorecard.domain.calibration import CALIBRATION, Calibration
from voc_scorecard.domain.cells import Cells
from voc_scorecard.domain.detector import Alarm, Policy, evaluate
from voc_scorecard.domain.episodes import Episode, episodes
from voc_scorecard.domain.forecast import forecast

GRID = (3.0, 3.5, 4.0, 4.25, 4.5, 4.75, 5.0, 5.25, 5.5, 6.0)
FLOOR = GRID[0]
LOW = Policy(
    calibration=Calibration("", "", ((FLOOR, 1.0), (FLOOR + 1, 0.1)), 0.1), false_per_day=1.0
)


def real(made: Company, episode: Episode) -> bool:
    return is_of(made, Call(episode.cause, episode.opened_at)) is not None


def at_threshold(alarms: list[Alarm], cells: Cells, threshold: float) -> tuple[Episode, ...]:
    raised = [replace(a, raised=a.evidence >= threshold) for a in alarms]
    return episodes(raised, cells.starts_at(cells.buckets), cells.places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=1)
    asked = parser.parse_args()
    false, cell_days = dict.fromkeys(GRID, 0), 0.0
    peaks: list[tuple[float, bool]] = []
    for seed in range(asked.first, asked.first + asked.seeds):
        made = company(seed, NOW)
        for unknown, wrong in GRADES.values():
            cells = cells_of(made, labels(made, unknown, wrong, seed))
            expected = forecast(cells)
            awake = expected.known_days >= LOW.warm_up_days
            cell_days += float(expected.live[awake].sum())
            alarms = evaluate(
                cells, 0, cells.buckets, LOW, replace(expected, live=np.ones_like(expected.live))
            )
            for threshold in GRID:
                found = at_threshold(alarms, cells, threshold)
                false[threshold] += sum(not real(made, e) for e in found)
                if threshold == FLOOR:
                    peaks += [(e.lead.evidence, real(made, e)) for e in found]
    print(f"{asked.seeds} companies, {cell_days:.0f} live cell-days, {len(peaks)} episodes")
    print("false_alarms=(")
    for threshold, count in false.items():
        print(f"    ({threshold}, {count / cell_days:.2e}),  # {count}")
    print(")")
    days = asked.seeds * len(GRADES) * 42  # of eight weeks, the first two are warm-up
    print(
        "P(real) by evidence reached: measured here, and as the calibration in use says with this prior"
    )
    used = replace(CALIBRATION, real_per_day=sum(r for _, r in peaks) / days)
    for level in GRID:
        seen = [r for peak, r in peaks if peak >= level]
        print(
            f"    {level}: {np.mean(seen):.3f} of {len(seen)}, {used.p_real(level, cell_days / days):.3f}"
        )


if __name__ == "__main__":
    main()
