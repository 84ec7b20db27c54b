"""What a run has shown, for people and for programs."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict

from faults.schedule import Happened, Outcome


def as_json(outcome: Outcome) -> str:
    """All of it."""
    return json.dumps(asdict(outcome) | {"good": outcome.good}, indent=1)


def as_markdown(outcome: Outcome) -> str:
    """What a reader asks first."""
    verdict = "all numbers true" if outcome.good else "NOT all numbers true"
    kinds = len({h.name for h in outcome.happened})
    again = f'make faults ARGS="--count {outcome.count} --seed {outcome.seed}"'
    minutes = outcome.seconds / 60
    done = f"{len(outcome.happened)} faults of {kinds} kinds in {minutes:.1f} minutes"
    lines = [f"`{again}`: {done}, {verdict}.", ""]
    head = ("fault", "times", "lasted, s", "counting again after, s (median, most)")
    lines += [*_table(head, _kinds(outcome.happened)), ""]
    lines += [f"**Not done:** {name}: {why}" for name, why in outcome.impossible.items()]
    lines += [
        *_table(
            ("records", *next(iter(_stages(outcome)), ())),
            ((kind, *counts.values()) for kind, counts in _by_kind(outcome)),
        ),
        "",
        f"- dead letters: {outcome.dead_letters}, of {outcome.poison} poison messages (one for each service that reads it)",
        f"- hot issues {outcome.issues}, backlog items {outcome.items}, the same as without faults",
        f"- drained {outcome.drained:.0f} s after the last fault was undone",
        f"- answers: {', '.join(f'{k}: {n}' for k, n in outcome.answers.items())} (0: the connection was lost)",
        f"- processes started again by the fleet: {sum('started again' in r for r in outcome.restarts)}",
    ]
    lines += [f"- **WRONG:** {what}" for what in (*outcome.wrong, *outcome.ledger.wrong)]
    return "\n".join(lines) + "\n"


def _kinds(happened: Iterable[Happened]) -> list[tuple[object, ...]]:
    found: dict[str, list[Happened]] = defaultdict(list)
    for one in happened:
        found[one.name].append(one)
    rows: list[tuple[object, ...]] = []
    for name, ones in sorted(found.items()):
        again = sorted(h.recovered for h in ones)
        lasted = sorted(h.lasted for h in ones)
        rows.append(
            (
                name,
                len(ones),
                f"{lasted[0]:.1f} to {lasted[-1]:.1f}",
                f"{again[len(again) // 2]:.1f}, {again[-1]:.1f}",
            )
        )
    return rows


def _by_kind(outcome: Outcome) -> list[tuple[str, dict[str, int | str]]]:
    names = list(dict.fromkeys(s for c in outcome.ledger.counts.values() for s in c))
    return [
        (kind, {s: counts.get(s, "") for s in names})
        for kind, counts in outcome.ledger.counts.items()
    ]


def _stages(outcome: Outcome) -> list[list[str]]:
    return [list(counts) for _, counts in _by_kind(outcome)]


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]
