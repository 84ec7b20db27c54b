"""What an examination finds."""

from typing import Literal

from msgspec import Struct

Level = Literal["good", "note", "bad"]


class Finding(Struct, frozen=True):
    """One thing looked at: `bad` keeps voc from working, a `note` may come to matter."""

    level: Level
    what: str
    todo: str = ""


def good(what: str) -> Finding:
    """It is as it should be."""
    return Finding("good", what)


def note(what: str, todo: str = "") -> Finding:
    """It works, but is worth knowing."""
    return Finding("note", what, todo)


def bad(what: str, todo: str) -> Finding:
    """It does not work, and this is what to do."""
    return Finding("bad", what, todo)
