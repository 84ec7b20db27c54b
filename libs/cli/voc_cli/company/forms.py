"""How each channel writes a record down: the JSON that the front door takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from voc_cli.company.people import Account, Person, dialled, spoken, typed
from voc_cli.company.truth import Key

Event = dict[str, Any]
Identifiers = list[dict[str, str]]

ACTIVITIES = frozenset({"subscription", "signed_up"})
"""Kinds that go to the door for activities; all others are feedback."""
CURRENCY = "GBP"
TEAMS = {"email": "Helpdesk", "chat": "Live chat", "phone": "Phone desk"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a record says, whoever says it: `mood` runs from -1 to 1 and colours scores."""

    text: str
    product: str = ""
    mood: float = 0.0


def key_of(event: Mapping[str, Any]) -> Key:
    """The record that an event is about."""
    return Key(event["source"], event["kind"], event["id"])


def is_activity(event: Mapping[str, Any]) -> bool:
    """Whether the event goes to `/v1/activity/batch`; otherwise it is feedback."""
    return event["kind"] in ACTIVITIES


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def restamped(event: Event, moment: datetime) -> Event:
    """The same event as if it happened at `moment`: for a live part that is sent by the clock."""
    return {**event, "created_at": stamp(moment)}


class Forms:
    """Fills in forms; numbers its records per source."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._serial: dict[str, int] = {}

    def ticket(self, at: datetime, person: Person, said: Said) -> Event:
        """A mail to support: known by address and name, sometimes by customer number too."""
        rng = self._rng
        identifiers = [_email(typed(rng, rng.choice(person.emails))), _name(spoken(rng, person))]
        if rng.random() < 0.35:
            identifiers += _crm(person)
        subject = said.text.split(".")[0][:48].rsplit(" ", 1)[0]
        return self._event(
            "helpdesk", "ticket", "T-", at, "email", said, identifiers, person,
            attributes={"subject": subject},
        )  # fmt: skip

    def conversation(self, at: datetime, person: Person, said: Said) -> Event:
        """A chat: signed-in customers by number or installation, others by address, a few by nothing."""
        rng = self._rng
        roll = rng.random()
        if person.crm and roll < 0.6:
            identifiers = _crm(person)
            if rng.random() < 0.3:
                identifiers.append(_email(person.emails[0]))
        elif roll < 0.93:
            identifiers = [_email(typed(rng, person.emails[-1])), _name(person.name)]
        else:
            identifiers = [_external("chat", f"visitor-{rng.getrandbits(32):08x}")]
        if person.install and said.product == "mobile app" and rng.random() < 0.5:
            identifiers.append(_external("app", person.install))
        return self._event("chat", "conversation", "c", at, "chat", said, identifiers, person)

    def answer(self, at: datetime, person: Person, said: Said) -> Event:
        """An answer to the quarterly survey: 0 to 10, mostly with a comment."""
        rng = self._rng
        value = round(min(10, max(0, rng.gauss(7.9 + 3.6 * said.mood, 1.7))))
        identifiers = [_email(rng.choice(person.emails))]
        if rng.random() < 0.5:
            identifiers += _crm(person)
        return self._event(
            "survey", "answer", "a-", at, "survey", said, identifiers, person,
            score={"value": value, "min": 0, "max": 10, "kind": "NPS", "question": "nps",
                   "wording": "v1", "relational": True},
        )  # fmt: skip

    def review(self, at: datetime, person: Person, said: Said) -> Event:
        """A review in the app store: a handle, and for some the installation it came from."""
        rng = self._rng
        value = round(min(5, max(1, rng.gauss(3.6 + 1.9 * said.mood, 0.8))))
        handle = f"{person.given.lower()}{person.number % 97}"
        identifiers = [_external("appstore", f"{handle}-{person.number}")]
        if person.install and rng.random() < 0.6:
            identifiers.append(_external("app", person.install))
        return self._event(
            "appstore", "review", "r", at, "app review", said, identifiers, person,
            score={"value": value, "min": 1, "max": 5, "kind": "stars", "question": "store",
                   "wording": "v1"},
        )  # fmt: skip

    def call(self, at: datetime, person: Person, said: Said) -> Event:
        """A colleague's note of a call: the number it came from, the name as heard."""
        rng = self._rng
        identifiers = [
            {"type": "phone", "value": dialled(rng, person.phone)},
            _name(spoken(rng, person)),
        ]
        if rng.random() < 0.4:
            identifiers += _crm(person)
        return self._event(
            "phone", "call", "call-", at, "phone", said, identifiers, person,
            attributes={"minutes": rng.randint(2, 24)},
        )  # fmt: skip

    def subscription(self, at: datetime, owner: Person, account: Account, mrr: int) -> Event:
        """What an account pays: names its owner by everything that billing knows."""
        identifiers = [
            _email(owner.emails[0]),
            {"type": "phone", "value": owner.phone},
            _name(owner.name),
            *(_crm(owner) or [_account(account)]),
        ]
        attributes = {"mrr": mrr, "currency": CURRENCY, "plan": account.segment}
        return self._event(
            "billing", "subscription", "S-", at, "", Said(""), identifiers, owner,
            attributes=attributes,
        )  # fmt: skip

    def signed_up(self, at: datetime, person: Person) -> Event:
        """A person's own login: customer number, address and installation together."""
        identifiers = [_email(person.emails[-1]), _name(person.name), *_crm(person)]
        if person.install:
            identifiers.append(_external("app", person.install))
        return self._event("app", "signed_up", "u", at, "", Said(""), identifiers, person)

    def _event(
        self,
        source: str,
        kind: str,
        prefix: str,
        at: datetime,
        channel: str,
        said: Said,
        identifiers: Identifiers,
        person: Person,
        *,
        score: Event | None = None,
        attributes: Event | None = None,
    ) -> Event:
        serial = self._serial[source] = self._serial.get(source, 10_000) + 1
        event: Event = {
            "source": source,
            "id": f"{prefix}{serial}",
            "kind": kind,
            "created_at": stamp(at),
            "identifiers": identifiers,
            "segment": person.account.segment,
        }
        optional = {
            "channel": channel,
            "text": said.text,
            "score": score,
            "product": said.product,
            "team": TEAMS.get(channel),
            "attributes": attributes,
        }
        event.update({name: value for name, value in optional.items() if value})
        return event


def edited(rng: Random, event: Event) -> Event:
    """The same record, sent again a little later because somebody added to it."""
    created = datetime.fromisoformat(event["created_at"])
    later = created + timedelta(minutes=rng.randint(4, 150))
    more = rng.choice(
        ("Adding the reference now.", "Edit: still the same.", "PS: thanks for looking into it.")
    )
    return {**event, "updated_at": stamp(later), "text": f"{event['text']} {more}"}


def _email(value: str) -> dict[str, str]:
    return {"type": "email", "value": value}


def _name(value: str) -> dict[str, str]:
    return {"type": "name", "value": value}


def _external(issuer: str, value: str) -> dict[str, str]:
    return {"type": "external", "issuer": issuer, "value": value}


def _account(account: Account) -> dict[str, str]:
    return {"type": "account", "issuer": "crm", "value": account.id}


def _crm(person: Person) -> Identifiers:
    """What the CRM knows: the customer's number and firm; nothing of those whom it does not know."""
    if not person.crm:
        return []
    return [_external("crm", person.crm), _account(person.account)]
