"""How deep the content that senders choose may be nested."""

from typing import Any

DEEPEST = 32
"""Levels. Every parser and writer behind the door has a limit of its own; this is below all of them."""


def too_deep(value: Any, levels: int = DEEPEST) -> bool:
    """Whether something in a JSON value lies deeper than so many levels."""
    if isinstance(value, dict):
        inner: list[Any] = list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif isinstance(value, list):
        inner = value  # pyright: ignore[reportUnknownVariableType]
    else:
        return False
    return levels == 0 or any(too_deep(one, levels - 1) for one in inner)
