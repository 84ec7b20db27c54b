"""Labelled rows: from a taxonomy's own words, and the texts of people joined to them."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from voc_taxonomy.domain.model import UNKNOWN
from voc_taxonomy.domain.tree import Taxonomy


class Row(Struct, frozen=True, gc=False, order=True):
    """A text and its cause (UNKNOWN: none). Only rows of people (`spoken`) measure a model; the rest teach."""

    cause: str
    text: str
    spoken: bool = True


def taught_by(taxonomy: Taxonomy) -> list[Row]:
    """What a taxonomy teaches: examples, terms, and names with definitions of the nodes that have either.

    A node without examples and terms (a family of causes) teaches nothing by its definition: its leaves'
    words are in it.
    """
    rows = [Row(UNKNOWN, text) for text in taxonomy.background]
    for node in taxonomy.nodes:
        rows += [Row(node.id, text) for text in node.examples]
        rows += [Row(node.id, text, spoken=False) for text in node.terms]
        if node.examples or node.terms:
            rows.append(Row(node.id, f"{node.name}. {node.definition}", spoken=False))
    return rows


def heirs(taxonomy: Taxonomy, rows: Iterable[Row]) -> list[Row]:
    """Rows of former causes under the one node that replaces them; those without are left out."""
    new: dict[str, list[str]] = {}
    for node in taxonomy.nodes:
        for former in node.replaces:
            new.setdefault(former, []).append(node.id)
    found: list[Row] = []
    for row in rows:
        if row.cause == UNKNOWN or row.cause in taxonomy.by_id:
            found.append(row)
        elif len(now := new.get(row.cause, [])) == 1:
            found.append(Row(now[0], row.text, row.spoken))
    return found


def canonical(rows: Sequence[Row]) -> list[Row]:
    """The rows in an order that does not depend on theirs, without repetitions; spoken ones win."""
    kept: dict[tuple[str, str], Row] = {}
    for row in sorted(rows):
        key = (row.cause, " ".join(row.text.lower().split()))
        if key not in kept or (row.spoken and not kept[key].spoken):
            kept[key] = row
    return sorted(kept.values())
