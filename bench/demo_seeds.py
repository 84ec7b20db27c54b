"""Runs the demo on seeds drawn by chance and prints what voc and a plain spike rule found of each outbreak.

python bench/demo_seeds.py --draw 10 --folder /tmp/seeds    # about two minutes a seed
"""

import argparse
import json
import secrets
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

HEAD = "| seed | outbreak | cause, shape | records | voc, hours | spike rule, hours | false: voc | false: spike rule | unknown |"
WITHIN = 48


def demo(seed: int, folder: Path) -> dict[str, Any]:
    """The demo's report on a seed; a report that is there already is read."""
    path = folder / f"{seed}.json"
    if not path.exists():
        command = ["voc", "demo", "--exit", "--seed", str(seed), "--report", str(path)]
        with (folder / f"{seed}.log").open("w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)
    return json.loads(path.read_text())


def delay(outbreak: dict[str, Any]) -> str:
    """Hours from the fault's begin to the finding."""
    return "missed" if outbreak["issue"] is None else f"{outbreak['delay_hours']:.1f}"


def lines(report: dict[str, Any]) -> list[str]:
    """Two rows of the table, one an outbreak."""
    ours, plain = report["hot_issues"], report["hot_issues"]["spike_rule"]
    found: list[str] = []
    for a, b in zip(ours["outbreaks"], plain["outbreaks"], strict=True):
        shown = [f"{a['cause']}, {a['shape']}", a["records"], delay(a), delay(b)]
        if not found:
            shown = [report["seed"], a["name"], *shown, len(ours["false"]), len(plain["false"])]
            shown.append(f"{report['scorecard']['unknown_share']:.0%}")
        else:
            shown = ["", a["name"], *shown, "", "", ""]
        found.append("| " + " | ".join(str(c) for c in shown) + " |")
    return found


def summary(name: str, results: list[dict[str, Any]]) -> str:
    """Both found in time, the delays, and what was false."""
    both = sum(r["found_within_48_h"] == len(r["outbreaks"]) for r in results)
    false = [len(r["false"]) for r in results]
    each = {
        o["name"]: [
            x["delay_hours"]
            for r in results
            for x in r["outbreaks"]
            if x["name"] == o["name"] and x["issue"]
        ]
        for o in results[0]["outbreaks"]
    }
    told = "; ".join(
        f"{k} found {len(d)} times" + (f", median {median(d):.1f} h" if d else "")
        for k, d in each.items()
    )
    week = sum(r["false_per_week"] for r in results) / len(results)
    return (
        f"{name}: both within {WITHIN} h in {both} of {len(results)}; {told}; "
        f"false items {sum(false)} ({week:.2f} a week, at most {max(false)} a seed)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seeds", type=int, nargs="+")
    chosen.add_argument("--draw", type=int, help="so many seeds by chance")
    parser.add_argument("--folder", type=Path, required=True, help="for the reports")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    seeds = asked.seeds or [secrets.randbelow(10**6) for _ in range(asked.draw)]
    print("seeds", *seeds, file=sys.stderr)
    reports: list[dict[str, Any]] = []
    print(HEAD)
    print("|---" * (HEAD.count("|") - 1) + "|")
    for seed in seeds:
        reports.append(demo(seed, asked.folder))
        print(*lines(reports[-1]), sep="\n", flush=True)
    print()
    print(summary("voc", [r["hot_issues"] for r in reports]) + ".\n")
    print(summary("spike rule", [r["hot_issues"]["spike_rule"] for r in reports]) + ".")


if __name__ == "__main__":
    main()
