"""Card numbers and secrets are taken out of verbatims at the door."""

import re
from typing import Any

CARD = "[card number]"
SECRET = "[secret]"  # noqa: S105
_FEWEST = 13
"""Digits of a card number."""

_RUN = re.compile(r"(?<![0-9.])[0-9](?:[ -]?[0-9]){12,}")
_SEPARATORS = str.maketrans("", "", " -")
_GROUP = re.compile(r"[0-9]+")
_DIGITS = b"0123456789"
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bAIza[A-Za-z0-9_-]{35}",
    re.DOTALL,
)


def luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, Luhn)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if place % 2:
            value = value * 2 - 9 * (value > 4)
        total += value
    return total % 10 == 0


def _is_card(digits: str) -> bool:
    # One digit repeated passes Luhn (0000...) but is no card.
    return _FEWEST <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def _without_cards(run: re.Match[str]) -> str:
    """A run of digit groups without those that together are a card number.

    Any consecutive groups may be one: an expiry date or a code often follows.
    """
    text = run.group()
    groups = [m.span() for m in _GROUP.finditer(text)]
    kept: list[str] = []
    at, first = 0, 0
    while first < len(groups):
        begin = groups[first][0]
        ends = [end for _, end in groups[first : first + 19]]
        whole = (e for e in reversed(ends) if _is_card(text[begin:e].translate(_SEPARATORS)))
        end = next(whole, None)
        if end is not None:
            kept += [text[at:begin], CARD]
            at = end
            while first < len(groups) and groups[first][0] < end:
                first += 1
        else:
            first += 1
    return "".join([*kept, text[at:]])


def redact(text: str) -> str:
    """The text without card numbers (13 to 19 digits that pass Luhn) and common secrets."""
    if _digits(text) >= _FEWEST:
        text = _RUN.sub(_without_cards, text)
    return _SECRETS.sub(SECRET, text) if _may_hold_secret(text) else text


def _digits(text: str) -> int:
    """How many digits there are: counting them takes a third of the time of looking for a run."""
    told = text.encode(errors="replace")
    return len(told) - len(told.translate(None, _DIGITS))


def _may_hold_secret(text: str) -> bool:
    """A quick look: one search for all patterns costs ten times as much."""
    if "-" in text and ("KEY-" in text or "sk-" in text or "xox" in text):
        return True
    return "_" in text or "eyJ" in text or "IA" in text or "AIza" in text


def redact_prose(value: Any) -> Any:
    """A JSON value with its prose redacted: strings with a space; a lone token is the source's own id."""
    if isinstance(value, str):
        return redact(value) if " " in value else value
    if isinstance(value, dict):
        return {k: redact_prose(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [redact_prose(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value
