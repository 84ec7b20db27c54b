"""Mail addresses and phone numbers: one spelling for each, and why some identify nobody."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from msgspec import Struct
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from voc_identity.domain.blocklist import (
    EXAMPLE_DOMAINS,
    FAKES,
    PUBLIC_INBOXES,
    ROLES,
    SENDERS,
    SPECIAL_TOPS,
    is_freemail,
)

MAX_EMAIL = 320
MAX_PHONE = 64
_CACHED = 1 << 16

# A strict subset of the addresses that email-validator accepts, for 1 us instead of 73.
_PLAIN = re.compile(
    r"(?=.{1,64}@)(?=.{1,250}\Z)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?=.{1,200}\Z)(?:[a-z0-9](?:[a-z0-9]|-(?!-)){0,60}[a-z0-9]\.|[a-z0-9]\.)+[a-z]{2,18}\Z"
)
_SERVICE_NUMBERS = frozenset(
    (
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    )
)
_EXAMPLES = re.compile(rf"\.(?:{'|'.join(map(re.escape, sorted(EXAMPLE_DOMAINS)))})\Z")
_COUNTING = "01234567890123456789 98765432109876543210"


class Contact(Struct, frozen=True, gc=False):
    """A mail address or phone number in its one spelling.

    `value` is what is compared, `shown` what people read; `reason` is empty, or says why it identifies
    nobody. `domain` is the business domain of a mail address, empty for a mail provider's.
    """

    value: str
    shown: str
    reason: str = ""
    domain: str = ""


def printable(text: str, limit: int) -> str:
    """`text` in a form that every store takes: no controls, no lone surrogates, at most `limit` characters."""
    text = text[:limit]
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


def _refused(value: str, reason: str) -> Contact:
    return Contact("", printable(value, MAX_EMAIL), reason)


def _hidden(text: str) -> bool:
    """Characters that nobody types: controls and lone surrogates (zero-width ones are copied along)."""
    return not text.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def _tidy(text: str) -> str:
    """Compatibility forms unified; zero-width and odd spaces gone at no cost to plain text."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return "".join(
        c for c in text if unicodedata.category(c) not in ("Cf", "Zs", "Zl", "Zp") or c == " "
    ).strip()


def read_email(value: str) -> Contact:
    """The one spelling of a mail address; never raises.

    Case is ignored, what follows a plus in the local part is a tag, dots do not count at Gmail, and a
    domain is compared in its ASCII form. `value` may be written "Name <address>".
    """
    # Before the cache, which would keep a huge value alive.
    return _read_email(value) if len(value) <= MAX_EMAIL else _refused(value, "too long")


@lru_cache(maxsize=1 << 14)
def _read_email(value: str) -> Contact:
    text = value.strip()
    if text.endswith(">"):
        text = text[text.rfind("<") + 1 : -1].strip()
    if _hidden(text):
        return _refused(value, "unprintable")
    text = _tidy(text).lower().removeprefix("mailto:")
    if _PLAIN.match(text):
        local, _, domain = text.rpartition("@")
        return _judged(local, domain, text)
    if text.rpartition(".")[2] in SPECIAL_TOPS or text.endswith("@localhost"):
        return _refused(text, "example")
    try:
        valid = validate_email(text, check_deliverability=False)
    except (EmailNotValidError, UnicodeError, ValueError):
        return _refused(value, "invalid")
    return _judged(
        valid.local_part.casefold(), valid.ascii_domain or valid.domain, valid.normalized
    )


def _judged(local: str, domain: str, shown: str) -> Contact:
    """The address without its tag, with the reason if it names nobody."""
    bare = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        bare, domain = bare.replace(".", "") or bare, "gmail.com"
    business = "" if is_freemail(domain) else domain
    reason = _nobody(bare, domain)
    if reason not in ("", "role mailbox"):
        business = ""
    return Contact(f"{bare}@{domain}", shown, reason, business)


def _nobody(local: str, domain: str) -> str:
    if domain in EXAMPLE_DOMAINS or domain.rpartition(".")[2] in SPECIAL_TOPS:
        return "example"
    if _EXAMPLES.search(domain):
        return "example"
    if domain in PUBLIC_INBOXES:
        return "public inbox"
    word = local.replace("_", "-").replace(".", "-")
    if word in SENDERS or word.startswith(
        ("noreply", "no-reply", "donotreply", "bounce-", "bounces-")
    ):
        return "machine"
    if word in ROLES:
        return "role mailbox"
    if word in FAKES or (len(word) > 1 and not word.strip("0")):
        return "placeholder"
    return ""


def read_phone(value: str, region: str) -> Contact:
    """The E.164 form of a phone number, with `;ext=` for an extension; never raises.

    `region` is the ISO 3166 country that a number without a country code belongs to; if it is empty,
    such a number is invalid.
    """
    return _read_phone(value, region) if len(value) <= MAX_PHONE else _refused(value, "too long")


@lru_cache(maxsize=_CACHED)
def _read_phone(value: str, region: str) -> Contact:
    if _hidden(value):
        return _refused(value, "unprintable")
    text = _tidy(value)
    digits = "".join(c for c in text if c.isdigit())
    if _typed_at_random(digits):
        return _refused(value, "placeholder")
    try:
        number = phonenumbers.parse(text, region or None)
    except (NumberParseException, ValueError):
        return _refused(value, "invalid")
    if not phonenumbers.is_valid_number(number):
        return _refused(value, "invalid")
    spelt = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if number.extension:
        spelt += f";ext={number.extension}"
    if phonenumbers.number_type(number) in _SERVICE_NUMBERS:
        return Contact(spelt, spelt, "service number")
    return Contact(spelt, spelt)


def _typed_at_random(digits: str) -> bool:
    """The last seven digits are one digit or count up or down, or all digits are zeros."""
    tail = digits[-7:]
    return bool(digits) and (
        len(set(tail)) == 1 or (len(tail) == 7 and tail in _COUNTING) or not digits.strip("0")
    )
