"""Tables of the demo."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """A table; numbers to the right."""
    shown = Table(title=title, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(r[i], int | float) or r[i] is None for r in rows)
        shown.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        shown.add_row(*("–" if v is None else str(v) for v in row))
    console.print()
    console.print(shown)


def scorecard(console: Console, card: Mapping[str, Any], rows: int = 12) -> None:
    """The causes with most feedback, and the whole."""

    def line(name: str, cell: Mapping[str, Any]) -> list[Any]:
        nothing: dict[str, Any] = {}
        volume: dict[str, Any] = cell["volume"] or nothing
        before: dict[str, Any] = cell["before"] or nothing
        score = max(cell["scores"], key=lambda s: s["n"], default=None)
        nps = None if score is None or score["value"] is None else score["value"]
        interval = (
            "" if nps is None or score is None else f"{score['low']:+.0f} to {score['high']:+.0f}"
        )
        people = volume.get("people", 0) + volume.get("without_person", 0)
        return [
            name,
            volume.get("records", 0),
            before.get("records", 0),
            people,
            score["n"] if score else 0,
            nps,
            interval,
        ]

    lines = [line("everything", card["whole"])]
    lines += [line(c["name"] or c["value"], c) for c in card["cells"][:rows]]
    columns = ("", "records", "before", "people", "answers", "NPS", "95 % interval")
    table(console, f"Scorecard, {card['begin']} to {card['end']} ({card['zone']})", columns, lines)


def truth(console: Console, ours: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
    """Outbreaks against what voc and a plain spike rule said of them."""
    rows = [
        [
            o["name"],
            o["cause"],
            o["segment"] or "everyone",
            o["onset"][:16],
            o["delay_hours"] if o["issue"] else "missed",
            p["delay_hours"] if p["issue"] else "missed",
        ]
        for o, p in zip(ours["outbreaks"], plain["outbreaks"], strict=True)
    ]
    rows.append(["false", "", "", "", len(ours["false"]), len(plain["false"])])
    columns = ("outbreak", "cause", "where", "onset (truth)", "voc, hours later", "a spike rule")
    table(console, "Hot issues against the generator's truth", columns, rows)


def issues(console: Console, result: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    """All hot issues, and which answer to no outbreak."""
    rows = [
        [
            i["title"],
            i["state"],
            i["detected_at"][:16],
            i["reach"]["people"],
            i["now"]["expected"],
            i["p_real"],
            i["owner"],
            "false" if any(f["issue"] == i["issue"] for f in result["false"]) else "",
        ]
        for i in found
    ]
    columns = ("issue", "state", "detected", "people", "expected", "P(real)", "owner", "")
    table(console, "All hot issues", columns, rows)


def items(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """The backlog."""
    rows = [
        [i["title"], i["state"], i["owner"], i["people"], round(i["priority"]["value"], 1)]
        for i in found
    ]
    table(console, "Backlog", ("item", "state", "owner", "people", "priority"), rows)


def merge(console: Console, result: Mapping[str, Mapping[str, Any]]) -> None:
    """Numbers before, merged, undone, rebuilt."""
    steps = ("before", "merged", "undone", "rebuilt")
    rows = [[name, *(result[s].get(name) for s in steps)] for name in result["before"]]
    table(
        console,
        "A wrong merge, undone; and every number rebuilt from the archive",
        ("", *steps),
        rows,
    )
