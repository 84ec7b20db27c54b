"""A small world of people who send feedback under several identifiers, all drawn from a seed."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

GIVEN = ["Ann", "Bob", "Cem", "Dora", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana"]
SURNAMES = ["Fox", "Stone", "Kaya", "Lind", "Moreau", "Nowak"]
TEXTS = [
    "The invoice lists the same charge twice this month",
    "I cannot log in, the password reset mail never arrives",
    "Your support answered within minutes, wonderful",
    "The export to a spreadsheet stops halfway",
    "The app crashes whenever I open the calendar",
    "It was hard to find out how to cancel",
    "Setting everything up took our team three weeks",
    "The price went up and nobody told us why",
    "What a nice day it is today",
    "",
]


@dataclass
class World:
    """Everything that is told to the system, each item once, edits apart."""

    items: list[dict[str, Any]]
    edits: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def draw(
    seed: int, size: int, prefix: str = "", now: datetime | None = None, first: int = 0
) -> World:
    """`size` pieces of feedback of size/6 people over eight weeks, a fifth of them edited later.

    The people are numbered from `first` on.
    """
    rng = random.Random(seed)
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    people = range(first, first + max(size // 6, 6))
    world = World([])
    edited = set(rng.sample(range(size), size // 5))
    for number in range(size):
        item = _item(rng, f"{prefix}{number}", people, now)
        world.items.append(item)
        if number in edited:
            other = _item(rng, f"{prefix}{number}", people, now)
            moment = datetime.fromisoformat(item["created_at"]) + timedelta(hours=1)
            stamped = {"updated_at": stamp(moment)} if rng.random() < 0.5 else {}
            changed = {
                k: other[k] for k in ("text", "score", "identifiers", "product") if k in other
            }
            world.edits.append({k: v for k, v in item.items() if k != "score"} | changed | stamped)
        if rng.random() < 0.2:
            activity = {k: v for k, v in item.items() if k not in ("text", "score")}
            world.activities.append(activity | {"kind": "contact_opened"})
    return world


def _item(rng: random.Random, ident: str, people: range, now: datetime) -> dict[str, Any]:
    who = rng.choice(people)
    given, surname = GIVEN[who % len(GIVEN)], SURNAMES[who % len(SURNAMES)]
    identifiers: list[dict[str, Any]] = []
    if rng.random() < 0.5:
        identifiers.append({"type": "email", "value": f"{given.lower()}{who}@firm{who % 7}.com"})
    if rng.random() < 0.4:
        identifiers.append({"type": "external", "value": f"C-{who}", "issuer": "crm"})
    if rng.random() < 0.3:
        identifiers.append({"type": "phone", "value": f"+4917642{who:06d}"})
    if rng.random() < 0.1:
        identifiers.append({"type": "phone", "value": f"+4917643{people.start + who % 5:06d}"})
    if rng.random() < 0.7:
        identifiers.append({"type": "name", "value": f"{given} {surname}"})
    if rng.random() < 0.4:
        identifiers.append({"type": "account", "value": f"firm{who % 7}", "issuer": "crm"})
    moment = now - timedelta(minutes=rng.randrange(1, 55 * 24 * 60))
    item: dict[str, Any] = {
        "source": "desk",
        "id": ident,
        "kind": "ticket",
        "created_at": stamp(moment),
        "channel": rng.choice(["email", "chat", "survey"]),
        "text": rng.choice(TEXTS),
        "identifiers": identifiers,
        "product": rng.choice(["web", "mobile", ""]),
        "segment": rng.choice(["smb", "enterprise"]),
        "attributes": {"n": ident},
    }
    if rng.random() < 0.4:
        item["score"] = {
            "value": rng.randrange(11),
            "min": 0,
            "max": 10,
            "kind": "NPS",
            "question": "recommend",
        }
    return item
