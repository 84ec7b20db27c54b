"""Draws a report of the benchmarks as SVG: where CPU goes, and latency at shares of the maximum."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, LEFT, ROW = 860, 190, 34
PALETTE = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#9c755f", "#e15759", "#76b7b2", "#bab0ac")
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
    'font-size="13"><rect width="100%" height="100%" fill="white"/>'
)

Bars = Sequence[tuple[str, Mapping[str, float]]]


def draw(parts: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the plots that the reports of these parts allow; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    whole, raw = parts.get("end_to_end", {}), parts.get("raw_limit", {})
    if whole and raw:
        ours = {**whole["us_per_service"], **_servers(whole["us_per_event"])}
        stages = sum(us for name, us in raw["us_per_event"].items() if name.startswith("stage"))
        bars = [("voc", ours), ("raw limit", {"stages": stages, **_servers(raw["us_per_event"])})]
        found["cpu"] = stacked("CPU us an event", bars)
    latency = parts.get("latency", {})
    rows = [(int(n[3:]), r["visible_ms"]) for n, r in latency.items() if n.startswith("at_")]
    if rows:
        bars = [(f"{share} % of the maximum, {p}", {p: ms[p]}) for share, ms in rows for p in ms]
        found["latency"] = stacked("accepted to visible, ms", bars)
    paths: list[Path] = []
    for name, svg in found.items():
        paths.append(folder / f"{name}.svg")
        paths[-1].write_text(svg, encoding="utf-8")
    return paths


def _servers(us: Mapping[str, float]) -> dict[str, float]:
    return {"Postgres": us["postgres"], "broker": us["kafka"]}


def stacked(title: str, bars: Bars) -> str:
    """Horizontal bars, each of parts with a label of its own; all on one scale, sums at their ends."""
    most = max(sum(parts.values()) for _, parts in bars)
    names = list(dict.fromkeys(name for _, parts in bars for name in parts))
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    height = 50 + ROW * len(bars) + 30
    lines = [_HEAD.format(width=WIDTH, height=height), _text(10, 24, title, bold=True)]
    scale = (WIDTH - LEFT - 80) / (most or 1.0)
    for row, (label, parts) in enumerate(bars):
        y, x = 40 + ROW * row, float(LEFT)
        lines.append(_text(10, y + 17, label))
        for name, value in parts.items():
            width = value * scale
            lines.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 10}" fill="{colours[name]}">'
                f"<title>{escape(name)} {value:g}</title></rect>"
            )
            x += width
        lines.append(_text(x + 6, y + 17, f"{sum(parts.values()):,.0f}"))
    x = 10.0
    for name in names:
        lines.append(
            f'<rect x="{x:.0f}" y="{height - 22}" width="10" height="10" fill="{colours[name]}"/>'
        )
        lines.append(_text(x + 14, height - 13, name))
        x += 30 + 7.5 * len(name)
    return "\n".join([*lines, "</svg>\n"])


def _text(x: float, y: float, said: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y}"{weight}>{escape(said)}</text>'
