"""The cells that a record counts in, by name: `all`, `cause:late_delivery`, `cause:x|segment:smb`, ..."""

from collections.abc import Collection
from functools import lru_cache

from msgspec import Struct

from voc_scorecard.domain.cells import Scope

ALL = "all"
UNKNOWN = "cause:unknown"
"""Feedback of which taxonomy would not say what it is about."""
SUSPECT = "suspect"
"""Floods and bots: in every count, and here once more, so that their share is seen."""
LATE = "late"
"""Records known more than a day after they happened: in every count, and here once more."""
DIMENSIONS = ("cause", "stage", "channel", "product", "segment", "team")
"""What a scorecard can be split by."""
STAKEHOLDERS = ("customer", "employee", "partner")


class Cells(Struct, frozen=True, gc=False):
    """Names of cells: `counted` for volume and scores, `watched` for the hot-issue detector."""

    counted: tuple[str, ...]
    watched: tuple[str, ...]


def prefix(stakeholder: str) -> str:
    """What the cells of a stakeholder begin with: employees and partners are never pooled with customers."""
    return "" if stakeholder == "customer" else f"{stakeholder}/"


def cell(dimension: str, value: str) -> str:
    """The cell of one value of a dimension; `|` in a value is escaped, so that a pair is never taken for it."""
    return f"{dimension}:{value.replace('%', '%25').replace('|', '%7C')}"


def value(name: str) -> str:
    """The value of a cell's (first) dimension; "" for `all`."""
    return name.partition(":")[2].replace("%7C", "|").replace("%25", "%")


@lru_cache(maxsize=50_000)
def _about(
    before: str, product: str, segment: str, stage: str, causes: tuple[str, ...]
) -> tuple[str, ...]:
    about = [cell("cause", c) for c in sorted(set(causes))] or [UNKNOWN]
    stated = (("stage", stage), ("segment", segment), ("product", product))
    others = [cell(d, v) for d, v in stated if v]
    return tuple([before + c for c in (ALL, *about, *others)])


@lru_cache(maxsize=50_000)
def watched_in(single: tuple[str, ...]) -> tuple[str, ...]:
    """What the detector watches of feedback in these single cells: them, and each cause within the others.

    `single` begins with `all`, and has causes, stage, segment and product in this order.
    """
    before = single[0].removesuffix(ALL)
    names = [name.removeprefix(before) for name in single]
    places = [c for c in names if c.startswith(("segment:", "product:"))]
    narrower = [*places, "|".join(places)] if len(places) > 1 else places
    causes = [c for c in names if c.startswith("cause:")]
    return single + tuple([f"{before}{c}|{place}" for c in causes for place in narrower])


@lru_cache(maxsize=50_000)
def single_in(watched: tuple[str, ...]) -> tuple[str, ...]:
    """The single cells of which `watched_in` makes these; no name but that of a pair holds `|`."""
    return tuple([name for name in watched if "|" not in name])


@lru_cache(maxsize=50_000)
def in_sequence(cells: tuple[str, ...]) -> tuple[str, ...]:
    """These cells, sorted."""
    return tuple(sorted(cells))


@lru_cache(maxsize=10_000)
def _handled(before: str, channel: str, team: str) -> tuple[str, ...]:
    return tuple([before + cell(d, v) for d, v in (("channel", channel), ("team", team)) if v])


@lru_cache(maxsize=20_000)
def feedback_cells(
    stakeholder: str,
    channel: str,
    product: str,
    segment: str,
    team: str,
    stage: str,
    causes: tuple[str, ...],
) -> Cells:
    """Cells of feedback. Its causes each count; no cause at all counts as `cause:unknown`.

    Any other empty value is "not stated" and makes no cell. The detector watches causes, stages, segments,
    products, and causes within a segment, a product, and a product of a segment: a fault that touches no more
    stands out there first.
    """
    before = prefix(stakeholder)
    single = _about(before, product, segment, stage, causes)
    return Cells(single + _handled(before, channel, team), watched_in(single))


@lru_cache(maxsize=10_000)
def activity_cells(stakeholder: str, kind: str) -> Cells:
    """Cells of an activity: its kind alone, so that no feedback is pooled with it."""
    return Cells((prefix(stakeholder) + cell("activity", kind),), ())


def parts(name: str) -> tuple[str, list[tuple[str, str]]]:
    """The stakeholder of a cell, and its (dimension, value) pairs; raises `ValueError` if it is no cell."""
    before, slash, rest = name.partition("/")
    stakeholder = before if slash and before in STAKEHOLDERS[1:] else "customer"
    named = rest if stakeholder != "customer" else name
    found = [(part.partition(":")[0], value(part)) for part in named.split("|")]
    known = {ALL, SUSPECT, LATE} if len(found) == 1 else set[str]()
    for (dimension, given), part in zip(found, named.split("|"), strict=True):
        alone = part in known
        if not alone and (dimension not in (*DIMENSIONS, "activity") or not given):
            raise ValueError(f"no such cell: {name[:100]!r}")
    return stakeholder, found


def holds(name: str, counted: Collection[str]) -> bool:
    """Whether a record that counts in these single cells belongs to a cell, which may be a pair."""
    before = next((p for p in map(prefix, STAKEHOLDERS[1:]) if name.startswith(p)), "")
    return all(before + part in counted for part in name.removeprefix(before).split("|"))


def scope(name: str) -> Scope | None:
    """What a watched cell of customers counts, for the detector; None for any other cell."""
    if "/" in name.partition(":")[0]:
        return None
    fields: dict[str, str] = {}
    for part in name.split("|"):
        if part != ALL:
            fields[part.partition(":")[0]] = value(part)
    return Scope(**fields) if fields.keys() <= {"cause", "stage", "segment", "product"} else None
