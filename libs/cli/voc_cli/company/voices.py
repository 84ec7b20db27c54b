"""Who speaks up, about what and on which channel, in ordinary times and when something is broken."""

from collections.abc import Callable
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from voc_cli.company.faults import Fault
from voc_cli.company.forms import Event, Forms, Said
from voc_cli.company.people import PRODUCTS, SEGMENTS, Customers, Person
from voc_cli.company.phrases import BOOK, Entry, noise, say
from voc_cli.company.rhythm import ZONE, stream

LONDON = ZoneInfo(ZONE)
_CHANNELS = ("email", "chat", "survey", "app review", "phone")
_DAYTIME = (34, 27, 17, 6, 16)
_EVENING = (40, 33, 14, 13, 0)
_SEGMENT_SHARE = (36, 40, 24)


class Voices:
    """Turns moments into remarks of people; every draw comes from its own seeded stream."""

    def __init__(self, seed: int, among: Customers) -> None:
        self._seed = seed
        self._rng = stream(seed, "voices")
        self.forms = Forms(stream(seed, "forms"))
        self._crowd = {
            segment: (people, list(accumulate(p.talk for p in people)))
            for segment, people in among.by_segment().items()
        }
        self._causes = sorted(BOOK)
        self._usual = [BOOK[c].weight * self._rng.lognormvariate(0, 0.25) for c in self._causes]
        self._talk: dict[int, list[float]] = {}

    def somebody(self) -> Person:
        """A customer, the talkative ones more often."""
        segment = self._rng.choices(SEGMENTS, _SEGMENT_SHARE)[0]
        people, sums = self._crowd[segment]
        return self._rng.choices(people, cum_weights=sums)[0]

    def remark(self, at: datetime, person: Person) -> tuple[Event, tuple[str, ...]]:
        """An ordinary remark: one cause, at times two, at times none."""
        rng = self._rng
        cause = self._topic(at)
        product = self._product(person, BOOK[cause])
        channel = self._channel(at, product)
        if channel == "survey" and rng.random() < 0.4:
            return self._form(channel, at, person, Said("", "", rng.uniform(-0.4, 0.5))), ()
        if rng.random() < 0.09:
            return self._form(channel, at, person, noise(rng, product)), ()
        said, causes = say(rng, cause, product), (cause,)
        if rng.random() < 0.05:
            other = self._topic(at)
            if other != cause:
                second = say(rng, other, product)
                said = Said(f"{said.text} {second.text}", product, (said.mood + second.mood) / 2)
                causes = (cause, other)
        return self._form(channel, at, person, said), causes

    def complaint(self, at: datetime, person: Person, fault: Fault) -> Event:
        """What somebody says whom a fault has hit."""
        product = self.product(person, fault)
        channel = self._channel(at, product)
        if channel == "survey" and self._rng.random() < 0.5:
            channel = "email"
        return self._form(channel, at, person, say(self._rng, fault.cause, product))

    def product(self, person: Person, fault: Fault) -> str:
        """The product in which a person meets a fault."""
        return fault.product or self._product(person, BOOK[fault.cause])

    def _topic(self, at: datetime) -> str:
        """What somebody writes about: some days a thing is on more minds than on others, without a fault."""
        day = at.astimezone(LONDON).toordinal()
        if day not in self._talk:
            mood = stream(self._seed, f"talk/{day}")
            self._talk[day] = list(accumulate(w * mood.lognormvariate(0, 0.2) for w in self._usual))
        return self._rng.choices(self._causes, cum_weights=self._talk[day])[0]

    def _product(self, person: Person, entry: Entry) -> str:
        """A product in which this cause occurs, one of the person's own if there is any."""
        if not entry.products:
            return self._rng.choice(person.products) if self._rng.random() < 0.7 else ""
        own = [p for p in person.products if p in entry.products]
        return self._rng.choice(own or entry.products)

    def _channel(self, at: datetime, product: str) -> str:
        local = at.astimezone(LONDON)
        office = local.weekday() < 5 and 8 <= local.hour < 18
        weights: list[int] = list(_DAYTIME if office else _EVENING)
        weights[3] *= 3 if product == PRODUCTS[3] else 0
        return self._rng.choices(_CHANNELS, weights)[0]

    def _form(self, channel: str, at: datetime, person: Person, said: Said) -> Event:
        write: Callable[[datetime, Person, Said], Event] = {
            "email": self.forms.ticket,
            "chat": self.forms.conversation,
            "survey": self.forms.answer,
            "app review": self.forms.review,
            "phone": self.forms.call,
        }[channel]
        return write(at, person, said)
