"""What the demo company's customers say, cause by cause, in words of their own."""

from random import Random

from voc_cli.company.forms import Said
from voc_cli.company.phrases import buying, money, service, starting, using
from voc_cli.company.phrases.entry import Entry
from voc_cli.company.phrases.slots import AFTER, BEFORE, NOISE, UNLISTED, fill

BOOK: dict[str, Entry] = {
    **buying.ENTRIES,
    **starting.ENTRIES,
    **using.ENTRIES,
    **money.ENTRIES,
    **service.ENTRIES,
}
"""Entries by cause id of the starter taxonomy."""

__all__ = ["BOOK", "Entry", "noise", "say"]


def say(rng: Random, cause: str, product: str) -> Said:
    """One person's words about a cause: a phrase, often two, among words that mean little."""
    entry = BOOK[cause]
    parts = [fill(rng, line) for line in rng.sample(entry.lines, k=2 if rng.random() < 0.35 else 1)]
    if rng.random() < 0.45:
        parts.insert(0, rng.choice(BEFORE))
    if rng.random() < 0.55:
        tone = "good" if entry.mood > 0.3 else "bad" if entry.mood < -0.2 else "even"
        parts.append(fill(rng, rng.choice(AFTER[tone])))
    return Said(" ".join(parts), product, entry.mood)


def noise(rng: Random, product: str) -> Said:
    """Something about nothing in particular, or about what the starter taxonomy does not know."""
    if rng.random() < 0.4:
        return Said(fill(rng, rng.choice(UNLISTED)), product, -0.3)
    return Said(fill(rng, rng.choice(NOISE)), product, rng.uniform(-0.2, 0.2))
