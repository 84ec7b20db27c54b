"""Parts of a person's name, and whether two names can be the same person's."""

import unicodedata
from functools import lru_cache

from msgspec import Struct
from rapidfuzz import process
from rapidfuzz.distance import OSA

from voc_identity.domain.blocklist import words
from voc_identity.domain.given_names import FORMAL_NAMES, KNOWN

MAX_LENGTH = 200
"""Characters of a name that are read."""

_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"}
)
_SEPARATORS = str.maketrans(
    dict.fromkeys(",._/+&|;:*#!?=~<>[]{}\\^%$", " ")
    | dict.fromkeys("'’‘`´ʼ", "")
    | dict.fromkeys("‐‑–—", "-")
)
_TITLES = words("""
mr mrs ms miss mx dr prof professor sir madam dame lord herr frau fraulein mme mlle monsieur
madame signor signora sig senor senora ing dipl mag phd md msc bsc mba esq
""")
_SUFFIXES = {"jr": "2", "junior": "2", "sr": "1", "senior": "1", "ii": "2", "iii": "3", "iv": "4"}
_PARTICLES = words("""
van von der den de del della di da dos du la le ten ter zu zum zur bin ibn al el
""")
_PLACEHOLDERS = words("""
unknown anonymous anon guest customer client kunde user caller visitor member nobody none null nil
na nan test tester testing undefined name noname contact admin administrator support info sales
team office unbekannt gast anonym invitado inconnu default deleted
""")
# Short names are too close to each other to be recognised misspelt.
_LONG_KNOWN = sorted(name for name in KNOWN if len(name) > 4)
_VOWELS = frozenset("aeiouy")
_NO_INVERSION = _TITLES | _SUFFIXES.keys()


class Name(Struct, frozen=True, gc=False, array_like=True):
    """A name, casefolded and without accents; every part may be empty.

    `middle` holds further given names, `suffix` the generation ("2" for junior). A name of one word is
    kept in `given`, whichever part it is.
    """

    given: str = ""
    surname: str = ""
    middle: str = ""
    suffix: str = ""

    @property
    def absent(self) -> bool:
        """Nothing is known of the name."""
        return not (self.given or self.surname)

    @property
    def head(self) -> str:
        """What counts as one distinct given name when a value's holders are counted; may be empty.

        Initials do not count. Of a bare surname the surname counts: a mailbox used by thirty Mr. This and
        Mrs. That is as generic as one used by thirty first names.
        """
        return self.given if len(self.given) > 1 else self.surname

    @property
    def level(self) -> int:
        """How much the name says.

        3 a given name known to be one, 2 another full given name (rare, or misspelt), 1 an initial,
        a surname or a single word, 0 nothing.
        """
        if len(self.given) > 1 and self.given in KNOWN:
            return 3
        if len(self.given) > 1 and self.surname:
            return 2
        return 0 if self.absent else 1


ABSENT = Name()


def fold(text: str) -> str:
    """`text` casefolded and without accents; other scripts keep their vowel signs."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare.casefold().translate(_UNDECOMPOSED))


def parse_name(value: str) -> Name:
    """The parts of a free-text name: "Given Middle Surname" or "Surname, Given Middle".

    Titles, placeholders ("Guest"), words with digits and mail addresses are no names. Never raises.
    """
    return _parse(value[:MAX_LENGTH])


@lru_cache(maxsize=1 << 16)
def _parse(text: str) -> Name:
    if not text.isprintable():
        # Postgres refuses NUL and lone surrogates; zero-width characters come along when text is copied.
        text = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
    text = fold(text)
    if "@" in text or "http" in text:
        return ABSENT
    left, comma, right = _without_brackets(text).partition(",")
    first = _words(left)
    second = _words(right) if comma else []
    if second and all(word in _NO_INVERSION for word in second):
        return _assemble([*first, *second])
    if not comma:
        return _assemble(first)
    surname, suffix_of_surname = _split_suffix(first)
    given, suffix_of_given = _split_suffix(second)
    given = [word for word in given if word not in _TITLES]
    if _placeholder(surname + given):
        return ABSENT
    return _name(given, surname, suffix_of_surname or suffix_of_given)


def _without_brackets(text: str) -> str:
    """`text` without what stands in brackets or double quotes: departments, call names."""
    for opening, closing in (("(", ")"), ("[", "]"), ('"', '"'), ("“", "”")):
        start = text.find(opening)
        end = text.find(closing, start + 1)
        if 0 <= start < end:
            text = text[:start] + " " + text[end + 1 :]
    return text


def _words(text: str) -> list[str]:
    found = [word.strip("-") for word in text.translate(_SEPARATORS).split()]
    return [word for word in found if word and word[0].isalpha() and not _has_digit(word)][:8]


def _has_digit(word: str) -> bool:
    return not word.isalpha() and any(c.isdigit() for c in word)


def _placeholder(found: list[str]) -> bool:
    return all(word in _PLACEHOLDERS for word in found) or found in (
        ["no", "name"],
        ["not", "provided"],
        ["n", "a"],
    )


def _split_suffix(found: list[str]) -> tuple[list[str], str]:
    if len(found) > 1 and found[-1] in _SUFFIXES:
        return found[:-1], _SUFFIXES[found[-1]]
    return found, ""


def _assemble(found: list[str]) -> Name:
    found, suffix = _split_suffix(
        [w for i, w in enumerate(found) if w not in _TITLES and (i or w != "sr")]
    )
    if _placeholder(found):
        return ABSENT
    start = max(1, len(found) - 1)
    while start > 1 and found[start - 1] in _PARTICLES:
        start -= 1
    return _name(found[:start], found[start:], suffix)


def _name(given: list[str], surname: list[str], suffix: str) -> Name:
    first, *others = " ".join(given).replace("-", " ").split() or [""]
    return Name(first, " ".join(surname).replace("-", " "), " ".join(others), suffix)


@lru_cache(maxsize=1 << 16)
def compatible(a: Name, b: Name) -> bool:
    """Whether two records with these names can be one person's; symmetric, true if a name is absent.

    A full given name decides: equal, a short form, an initial with the same surname, or a misspelling.
    Different given names under one surname are a family's. A changed surname is a marriage's and no
    objection. Surnames decide where a given name is missing; given name and surname may be swapped.
    """
    if a.suffix != b.suffix and a.suffix and b.suffix:
        return False
    if a.given and b.given:
        return _both_alike(a, b) if a.surname and b.surname else _one_word(a, b)
    # A bare surname may be what the other name has in front.
    bare, other = (a, b) if not a.given else (b, a)
    return (
        not (bare.surname and other.surname)
        or _surname_alike(bare.surname, other.surname)
        or (bool(other.given) and _misspelt(bare.surname, other.given))
    )


def _both_alike(a: Name, b: Name) -> bool:
    if _given_alike(a, b):
        return _middle_alike(a, b)
    if a.given[0] == b.given[0] and min(len(a.given), len(b.given)) == 1:
        return _surname_alike(a.surname, b.surname)
    return _same_given(a.given, b.surname) and _same_given(a.surname, b.given)


def _one_word(a: Name, b: Name) -> bool:
    """One of the names is a single word, which may be a given name or a surname."""
    word, other = (a.given, b) if not a.surname else (b.given, a)
    if len(word) == 1 or len(other.given) == 1:
        return word[0] == other.given[0] or _surname_alike(word, other.surname)
    return _given_alike(a, b) or bool(other.surname and _surname_alike(word, other.surname))


def _given_alike(a: Name, b: Name) -> bool:
    x, y = a.given, b.given
    if len(x) > 1 and len(y) > 1:
        if x == y:
            return True
        return _same_given(x, y) or x + a.middle.replace(" ", "") == y + b.middle.replace(" ", "")
    # "J. Robert" is called by the second name.
    return (len(x) == 1 and y in a.middle.split()) or (len(y) == 1 and x in b.middle.split())


def _same_given(x: str, y: str) -> bool:
    if x == y or not _meanings(x).isdisjoint(_meanings(y)):
        return True
    return not (x in KNOWN and y in KNOWN) and _misspelt_given(x, y)


@lru_cache(maxsize=1 << 14)
def _meanings(name: str) -> frozenset[str]:
    """The names that `name` may stand for: what it is short for, or misspells."""
    if name in KNOWN:
        return FORMAL_NAMES.get(name, frozenset()) | {name}
    near = process.extract(name, _LONG_KNOWN, scorer=OSA.distance, score_cutoff=2, limit=None)
    meant = [known for known, _, _ in near if _misspelt_given(name, known)]
    return frozenset[str]().union(meant, *(FORMAL_NAMES.get(known, ()) for known in meant))


def _misspelt_given(x: str, y: str) -> bool:
    short, long = sorted((x, y), key=len)
    if len(short) >= 4 and len(long) >= len(short) + 2 and long.startswith(short):
        return True
    return _misspelt(x, y) and not _other_ending(short, long)


def _other_ending(short: str, long: str) -> bool:
    """The names differ in a last vowel alone: Daniel and Daniela, Mario and Maria, but not Lotti and Lottie."""
    if long[-1] not in _VOWELS:
        return False
    stem = long[:-1]
    if short == stem:
        return stem[-1] not in _VOWELS
    return short[-1] in _VOWELS and short[:-1] == stem


def _middle_alike(a: Name, b: Name) -> bool:
    """John A. Smith is not John B. Smith; anything longer is too loosely written to decide."""
    if not (a.middle and b.middle) or a.surname != b.surname or " " in a.middle or " " in b.middle:
        return True
    return a.middle[0] == b.middle[0]


def _surname_alike(x: str, y: str) -> bool:
    if _misspelt(x, y):
        return True
    parts = {part for part in x.split() if len(part) > 2 and part not in _PARTICLES}
    return not parts.isdisjoint(y.split())


def _misspelt(x: str, y: str) -> bool:
    """Equal up to typing errors: two neighbours swapped in short found, one error from 5 letters, two from 8."""
    if x == y:
        return True
    longest = max(len(x), len(y))
    if longest < 5:
        return longest > 2 and sorted(x) == sorted(y) and OSA.distance(x, y) == 1
    allowed = 1 if longest < 8 else 2
    return OSA.distance(x, y, score_cutoff=allowed) <= allowed
