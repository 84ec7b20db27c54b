"""Card numbers and secrets go, everything else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_ingest.domain.redaction import CARD, SECRET, luhn, redact, redact_prose


@st.composite
def cards(draw: st.DrawFn) -> str:
    """A number of 13 to 19 digits that passes Luhn, in one piece or in groups."""
    body = draw(st.text("0123456789", min_size=12, max_size=18).filter(lambda d: len(set(d)) > 2))
    digits = next(body + check for check in "0123456789" if luhn(body + check))
    separator = draw(st.sampled_from(["", " ", "-"]))
    size = draw(st.sampled_from([3, 4, 5]))
    return separator.join(digits[i : i + size] for i in range(0, len(digits), size))


words = st.text("abcdefgh ,", max_size=20).map(lambda s: f"x{s}x")


@given(words, cards(), words)
def test_a_card_number_goes_and_its_neighbours_stay(before: str, card: str, after: str) -> None:
    assert redact(f"{before} {card} {after}") == f"{before} {CARD} {after}"
    assert redact(f"{before} {card}. {after}") == f"{before} {CARD}. {after}"


@given(cards(), st.sampled_from(["12/27", "123", "0427 cvv 999"]))
def test_an_expiry_date_behind_it_does_not_hide_it(card: str, following: str) -> None:
    digits = card.replace(" ", "").replace("-", "")
    assert digits[:12] not in redact(f"card {card} {following}").replace(" ", "").replace("-", "")


@given(st.lists(st.one_of(words, cards(), st.text("0123456789 -", max_size=30)), max_size=6))
def test_redacting_twice_changes_nothing_more(parts: list[str]) -> None:
    once = redact(" ".join(parts))
    assert redact(once) == once


@given(st.text())
def test_a_text_without_digits_or_secrets_stays(text: str) -> None:
    plain = "".join(c for c in text if not c.isdigit() and c not in "_-")
    assert redact(plain.replace("eyJ", "")) == plain.replace("eyJ", "")


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 is late",
        "call +49 30 1234567",
        "0000 0000 0000 0000",
        "version 1.4111111111111111",
        "12345678901234567890123456789012345678901234567890",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "xoxb-123456789012-abcdefABCDEF",
        "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_DEF-123",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_go(secret: str) -> None:
    assert redact(f"my key is {secret} please help") == f"my key is {SECRET} please help"


def test_prose_in_attributes_is_redacted_and_ids_are_kept() -> None:
    told = {"note": "card 4111 1111 1111 1111", "order": "4111111111111111", "list": ["a b", 1]}
    kept = {"note": f"card {CARD}", "order": "4111111111111111", "list": ["a b", 1]}
    assert redact_prose(told) == kept
