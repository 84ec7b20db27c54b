"""Severity and sentiment: small lexicons of words and word pairs, summed, with the kind of the cause as prior.

Both are coarse on purpose, and say so: they order texts, they do not measure people. English only.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voc_taxonomy.domain.tree import Kind

Floats = NDArray[np.float32]


def _weights(lists: Mapping[float, str]) -> dict[str, float]:
    return {item.strip(): w for w, items in lists.items() for item in items.split(",")}


_VALENCE = _weights(
    {
        1.0: "amazing, awesome, beautiful, best, brilliant, delighted, delightful, excellent, fabulous, "
        "fantastic, flawless, flawlessly, gem, genius, impressed, impressive, incredible, kudos, love, "
        "loved, loves, marvellous, outstanding, perfect, perfectly, superb, terrific, thrilled, "
        "wonderful, wow, adore, stellar, lifesaver, 👍, ❤, 😍, 🎉, 😊, 🥰",
        0.6: "appreciate, appreciated, calm, clean, clear, comfortable, competent, convenient, "
        "dependable, easier, easy, effortless, efficient, enjoy, enjoyable, enthusiastic, fast, "
        "friendly, glad, good, grateful, great, happy, helped, helpful, improved, intuitive, "
        "joy, kind, liked, lovely, nice, patient, pleasant, pleased, polite, prompt, quick, quickly, "
        "recommend, reliable, responsive, robust, satisfied, seamless, smooth, snappy, solid, solved, "
        "stable, super, thank, thanks, useful, warm, welcoming, worth",
        -0.5: "awkward, complicated, confused, confusing, cumbersome, delay, delayed, difficult, "
        "disconnects, error, errors, expensive, expired, fail, failed, failing, fails, freezes, fuzzy, "
        "glitch, gone, hard, incomplete, incorrect, issue, issues, lag, laggy, lags, late, locked, "
        "lost, messy, missed, misses, missing, mistake, mistakes, outdated, overdue, overpriced, "
        "pricey, problem, problems, refuses, rejected, slow, slowly, stuck, tedious, trouble, unable, "
        "unclear, unhappy, unreliable, unstable, vague, waiting, wrong, wrongly, bug, bugs, buggy, "
        "crash, crashed, crashes, crashing, broke, broken, cancel, declined, damaged, disappeared, "
        "duplicate, overcharged, vanished, worse",
        -1.0: "abysmal, angry, annoyed, annoying, appalling, atrocious, awful, bad, cheated, defective, "
        "disappointed, disappointing, disappointment, disaster, disastrous, disgrace, disgusting, "
        "dishonest, dreadful, fed, fraud, frustrated, frustrating, frustration, furious, garbage, hate, "
        "horrible, horrid, impolite, incompetent, infuriating, insult, insulting, joke, lied, lie, "
        "misleading, misled, nightmare, outrageous, pathetic, poor, poorly, regret, ridiculous, rude, "
        "scam, shambles, shame, shocking, spam, terrible, tricked, unacceptable, unhelpful, "
        "unprofessional, unusable, upset, useless, waste, wasted, worst, worthless, 👎, 😠, 😡, 🤬, 😞, 😢",
    }
)

_NEGATORS = frozenset(
    [
        "not",
        "no",
        "never",
        "isn't",
        "aren't",
        "wasn't",
        "weren't",
        "don't",
        "doesn't",
        "didn't",
        "can't",
        "cannot",
        "couldn't",
        "won't",
        "wouldn't",
        "without",
        "hardly",
        "nothing",
        "isnt",
        "dont",
        "doesnt",
        "didnt",
        "cant",
        "wont",
        "nor",
        "neither",
    ]
)

_REVERSAL = 1.5
"""What a negation takes back: "not good" is a little bad."""

_SEVERITY = _weights(
    {
        0.35: "lawyer, attorney, court, lawsuit, sue, police, regulator, ombudsman, hacked, breach, "
        "breached, fraud, stolen, leak, leaked, compromised, hijacked, unsafe, dangerous, injured, "
        "injury, fire, burned, electrocuted, allergic, bankrupt, data loss, legal action, identity theft",
        0.2: "urgent, urgently, emergency, asap, critical, immediately, unusable, impossible, outage, "
        "offline, unreachable, standstill, payroll, patients, deadline, audit, vulnerability, phishing, "
        "deleted, vanished, wiped, disappeared, lost everything, all gone, lost customers, can't work, "
        "cannot work, losing money, losing customers, standing still, whole company, entire company, "
        "entire team, whole team, nothing works, all users, every user, completely down, stopped working",
        0.1: "unacceptable, nightmare, furious, disaster, terrible, worst, again, still, third, weeks, "
        "months, repeatedly, constantly, everyone, nobody, blocked, locked, crashes, crash, twice, "
        "charged, cancel, cancelling, leaving, competitor, down, broken, never again, every time, every day",
        -0.15: "minor, slightly, slight, little, cosmetic, occasionally, sometimes, suggestion, wish, "
        "nice, curious, wondering, typo, eventually, workaround, bit annoying, no rush, no hurry, "
        "not urgent, small thing, tiny",
    }
)

_BASE: Mapping[Kind | None, float] = {
    "defect": 0.35,
    "question": 0.15,
    "request": 0.15,
    "praise": 0.0,
    None: 0.15,
}

_MOOD: Mapping[Kind | None, float] = {"defect": -0.7, "praise": 0.9}


def valence_of(item: str) -> float:
    """How pleased or displeased a word or pair is, -1 to 1; a negated pair takes back its second word."""
    if " " not in item:
        return _VALENCE.get(item, 0.0)
    first, second = item.split(" ", 1)
    return -_REVERSAL * _VALENCE.get(second, 0.0) if first in _NEGATORS else 0.0


def weight_of(item: str) -> float:
    """What a word or pair adds to severity."""
    return _SEVERITY.get(item, 0.0)


def tells(pair: str) -> bool:
    """Whether a pair says anything of either."""
    return pair in _SEVERITY or valence_of(pair) != 0.0


_OPENERS = _NEGATORS | {item.split(" ")[0] for item in _SEVERITY if " " in item}


def opens(first: str) -> bool:
    """Whether any pair with this first word tells something."""
    return first in _OPENERS


def sentiment(valence: Floats, kinds: Sequence[Kind | None]) -> list[float]:
    """Sentiment in (-1, 1) of texts with these summed valences whose causes are of these kinds, if any."""
    x = valence.astype(np.float64) + [_MOOD.get(kind, 0.0) for kind in kinds]
    return _thousandths(x / (1.0 + np.abs(x)))


def severity(weight: Floats, kinds: Sequence[Kind | None]) -> list[float]:
    """Severity in [0, 1] of texts with these summed weights whose causes are of these kinds, if any.

    0 is praise or a remark, around .35 an ordinary defect, from .7 harm or a business at a standstill.
    """
    base = np.array([_BASE[kind] for kind in kinds])
    return _thousandths(np.clip(base + np.minimum(weight.astype(np.float64), 0.65), 0.0, 1.0))


def _thousandths(values: NDArray[np.float64]) -> list[float]:
    return (np.rint(values * 1000) / 1000).tolist()
