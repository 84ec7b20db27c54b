"""`make faults`: a seeded schedule of faults under load, and a report of it."""

import argparse
import asyncio
import random
import sys
from pathlib import Path

from faults import report, schedule


def main() -> int:
    """Run, write the reports, and end with 1 if a number is not true."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="faults; kinds come in turn")
    parser.add_argument("--seed", type=int, default=None, help="any is drawn if none is given")
    parser.add_argument(
        "--report", type=Path, default=None, help="FILE.md and FILE.json are written"
    )
    told = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if told.seed is None else told.seed
    outcome = asyncio.run(schedule.run(seed, told.count, _say))
    text = report.as_markdown(outcome)
    if told.report is not None:
        told.report.with_suffix(".md").write_text(text)
        told.report.with_suffix(".json").write_text(report.as_json(outcome))
    _say(text)
    return 0 if outcome.good else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
