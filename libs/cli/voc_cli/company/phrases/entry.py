"""A root cause as customers put it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Phrases for one cause of the starter taxonomy.

    `weight` is its share of ordinary feedback, relative to the others; `mood` from -1 to 1 colours
    scores; `breaks` says whether it may become an outbreak; `products` are those it occurs in, empty
    for any. `lines` are templates with slots in braces (see `slots`).
    """

    weight: float
    mood: float
    lines: tuple[str, ...]
    breaks: bool = False
    products: tuple[str, ...] = ()
