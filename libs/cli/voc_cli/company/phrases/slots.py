"""The words that fill the gaps of a phrase, and those that stand before and after it."""

from collections.abc import Callable
from random import Random

Fill = Callable[[Random], str]

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _pick(*choices: str) -> Fill:
    return lambda rng: rng.choice(choices)


SLOTS: dict[str, Fill] = {
    "n": lambda rng: str(rng.randint(2, 28)),
    "mins": lambda rng: str(rng.choice((10, 15, 20, 25, 30, 40, 45, 50, 75, 90))),
    "amount": lambda rng: rng.choice(
        (
            f"£{rng.randint(9, 390)}",
            f"£{rng.randint(9, 390)}.{rng.randrange(100):02d}",
            f"{rng.randint(9, 390)} pounds",
        )
    ),
    "ref": lambda rng: f"{rng.choice(('INV-', 'no. ', '#', 'TH-'))}{rng.randint(1200, 98000)}",
    "month": lambda rng: rng.choice(_MONTHS),
    "day": lambda rng: rng.choice(_DAYS),
    "when": _pick(
        "this morning",
        "since last night",
        "since yesterday",
        "today",
        "since this morning",
        "for two days now",
        "the other day",
        "at the moment",
        "since lunchtime",
        "just now",
        "all afternoon",
        "right now",
        "earlier",
        "since the weekend",
    ),
    "device": _pick(
        "my old Pixel",
        "a Galaxy tablet",
        "my iPhone",
        "the office iPad",
        "an Android phone",
        "my partner's phone",
        "the shop tablet",
        "my new Pixel",
        "an iPhone mini",
    ),
    "browser": _pick("Firefox", "Safari", "Chrome", "Edge", "Opera"),
    "bank": _pick("my bank", "our bank", "the bank", "the building society", "the credit union"),
    "who": _pick(
        "my bookkeeper",
        "our office manager",
        "my wife",
        "my husband",
        "our accountant",
        "a colleague",
        "our trainee",
        "the boss",
        "my business partner",
        "my daughter",
        "our finance lead",
    ),
}

BEFORE: tuple[str, ...] = (
    "Hi,",
    "Hello,",
    "Good morning.",
    "Hi there.",
    "Hello team,",
    "Dear all,",
    "Hey,",
    "Afternoon.",
    "Quick one:",
    "Sorry to bother you.",
    "Me again.",
    "Not sure where to write this.",
)

AFTER: dict[str, tuple[str, ...]] = {
    "bad": (
        "Please sort this out.",
        "Can someone look into it?",
        "What now?",
        "This can't go on.",
        "I'd be grateful for an answer.",
        "Not impressed.",
        "It's holding us up.",
        "Getting fed up with it.",
        "Could you check on your side?",
        "Any idea what is going on?",
        "Please ring me.",
        "I need it solved by {day}.",
        "I'm losing patience, frankly.",
        "Happy to send pictures.",
        "Everyone here is waiting.",
        "What do you suggest?",
    ),
    "even": (
        "Thanks in advance.",
        "Any pointers?",
        "Cheers.",
        "Let me know.",
        "Would help us a lot.",
        "No rush.",
        "Thank you.",
        "Looking forward to your answer.",
        "Just a thought.",
    ),
    "good": (
        "Keep it up!",
        "Thanks.",
        "Ten out of ten.",
        "Would recommend.",
        "Made my day.",
        "Credit where it's due.",
        "Cheers!",
    ),
}

NOISE: tuple[str, ...] = (
    "Is this the number for the tile shop?",
    "Out of office until {day}, in urgent cases please write to {who}.",
    "asdf",
    "ok",
    "Thanks, same to you!",
    "test test {n}",
    "Please find attached our brochure on office plants.",
    "We buy used vans, any condition, call us.",
    "Happy new year to the whole team.",
    "Is there parking near your office? I'm visiting on {day}.",
    "Do you sponsor youth football? Our under-{n}s need shirts.",
    "Wrong chat, sorry!",
    "Congratulations, you have won {amount}.",
    "Are you hiring? I have {n} years of experience in sales.",
    "I'm a student writing about small firms, may I interview someone?",
    "...",
    "See above.",
    "Let's talk about your SEO, we can bring you to the first page.",
    "My cat walked over the keyboard, ignore this.",
    "What's the weather like up there?",
    "Greetings from the seaside.",
    "Could you forward this to {who}? It's about the raffle.",
)

UNLISTED: tuple[str, ...] = (
    "Customers paid by card on {day}, the money hasn't been passed on to us.",
    "Our takings of {amount} are stuck with you since {when}.",
    "Normally it lands the next morning, now it's day {n} and {bank} has nothing.",
    "Where is the transfer for the weekend's sales?",
    "'On its way' it says beside our {amount}, for days on end.",
    "{who} is asking why the shop's card income isn't on the account.",
    "The tax code on {who}'s payslip is nonsense.",
    "Overtime isn't in the pay run although it was approved.",
    "Our apprentice was paid as if she were over twenty-five.",
)
"""Real trouble for which the starter taxonomy has no cause."""


def fill(rng: Random, template: str) -> str:
    """The template with every slot filled, each time anew."""
    out: list[str] = []
    rest = template
    while "{" in rest:
        head, _, tail = rest.partition("{")
        name, _, rest = tail.partition("}")
        out += [head, SLOTS[name](rng)]
    text = "".join(out) + rest
    return text[0].upper() + text[1:]
