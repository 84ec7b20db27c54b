"""The language of a text by its script or its function words: an ISO 639-1 code, or none rather than a guess."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
"""Languages told apart by function words, in the order of `votes`."""

_WORDS = (
    (
        "the and is are was were you your it's this that with have has had not my i'm i've don't can't "
        "it of to for they when what but from would been be i we our at on if how do does please "
        "isn't doesn't didn't won't there their which who why where then than these those get just"
    ),
    (
        "der das und ist sind war nicht ich sie wir mein meine meinen ihr ihre ein eine einen mit auf für "
        "von zu dem den des auch noch seit habe haben hat wird werden kann keine kein aber oder wenn wie "
        "bei nach über sehr schon immer bitte mich mir uns dass diese dieser dieses wurde einfach leider"
    ),
    (
        "le les des est sont était pas je vous nous mon ma mes votre vos notre une avec pour dans sur "
        "que qui mais ou où très depuis j'ai c'est n'est l'application ne plus fait être avoir au aux "
        "ce cette ces sans toujours jamais bonjour merci il elle ils du et ça"
    ),
    (
        "el los las es está son fue no yo usted mi mis su una con para por pero muy desde que se ha han "
        "he cuando como más esta este esto siempre nunca gracias hola y al del lo también porque qué "
        "todavía ahora hace tengo puedo"
    ),
    (
        "il gli è sono era non io voi mio mia miei vostro vostra una con per che ma molto da ho hanno "
        "quando come più questa questo sempre mai grazie della dello delle nel nella anche perché di "
        "ancora adesso posso è c'è e un si mi"
    ),
    (
        "het een en is zijn was niet ik u jullie wij mijn uw onze met voor van op maar heel sinds heb "
        "hebben heeft wordt kan geen als hoe bij naar ook nog altijd nooit dat deze dit zeer waarom "
        "bedankt graag te wel"
    ),
    (
        "os as é são foi não eu você meu minha seu sua uma com para por mas muito desde que há tem "
        "quando como mais esta este isso sempre nunca obrigado obrigada do da dos das no na também "
        "porque ainda agora tenho posso e um ao"
    ),
)


def _ballots() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, listed in enumerate(_WORDS):
        for word in dict.fromkeys(listed.split()):
            found.setdefault(word, []).append(i)
    return found


_VOTES = _ballots()

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("uk", re.compile(r"[їєґЇЄҐ]")),
    ("ru", re.compile(r"[ыэЫЭ]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)

_ANY_SCRIPT = re.compile("|".join(pattern.pattern for _, pattern in _SCRIPTS))
_LATIN = re.compile(r"[a-zA-Z]")


def votes(word: str) -> Sequence[tuple[int, float]]:
    """What a word says of the language: positions in LANGUAGES, each with its share of one vote."""
    found = _VOTES.get(word, ())
    return [(i, 1.0 / len(found)) for i in found]


def languages(texts: Sequence[str], counted: NDArray[np.floating]) -> list[str]:
    """The languages of texts whose words gave these votes (texts, LANGUAGES), "" where that is not clear.

    A script that one language writes decides if there is more of it than of Latin letters. Otherwise a
    language needs 1.5 votes and twice as many as the next.
    """
    first, second = np.sort(counted, axis=1)[:, :-3:-1].T
    clear = (first >= 1.5) & (first >= 2 * second)
    elected = np.where(clear, counted.argmax(axis=1), len(LANGUAGES)).tolist()
    return [
        (not text.isascii() and _written(text)) or _ELECTED[at]
        for text, at in zip(texts, elected, strict=True)
    ]


_ELECTED = (*LANGUAGES, "")


def language(text: str, counted: Sequence[float]) -> str:
    """The language of one text."""
    return languages([text], np.array([counted]))[0]


def _written(text: str) -> str:
    """The language whose script a text is written in, if one writes it alone."""
    text = text[:500]
    # Most that is not ASCII is Latin with an accent or a pound sign in it.
    if not _ANY_SCRIPT.search(text):
        return ""
    latin = len(_LATIN.findall(text))
    for code, pattern in _SCRIPTS:
        if len(pattern.findall(text)) > (0 if code in ("uk", "ru") and not latin else latin / 2):
            return code
    return ""
