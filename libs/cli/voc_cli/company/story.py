"""Tells the company's eight weeks: who says what, where and when, with two faults hidden in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from voc_cli.company.faults import Fault, fast_and_slow
from voc_cli.company.forms import CURRENCY, Event, Said, edited, key_of
from voc_cli.company.people import Customers, Person, customers, namesakes
from voc_cli.company.phrases import BOOK, say
from voc_cli.company.rhythm import DAY, ZONE, Rhythm, lull, push, rhythm, stream
from voc_cli.company.truth import Campaign, Key, Outbreak, Truth, WrongMerge
from voc_cli.company.voices import LONDON, Voices

WEEKS = 8
NAME = "Tallyhill"
"""Bookkeeping, invoicing, payroll and card payments for small firms."""
LIVE_EVENTS = 150
LIVE_SECONDS = 150.0


@dataclass(frozen=True)
class Company:
    """A company's feedback and what is true about it.

    `history` and `live` are events in order of their stamps (`updated_at`, else `created_at`), as the
    front door takes them; `is_activity` tells which door. `live` follows `now` within a few minutes: send
    it by the clock, `restamped` to the moment of sending. `truth` stays with whoever checks the result.
    """

    name: str
    zone: str
    currency: str
    seed: int
    start: datetime
    now: datetime
    history: tuple[Event, ...]
    live: tuple[Event, ...]
    truth: Truth
    customers: Customers = field(repr=False)


def company(seed: int, now: datetime, events: int = 10_000) -> Company:
    """The company of `seed` as it stands at `now` (any zone; seconds are cut off).

    `events` counts history and live part together, roughly (1 %). The same arguments give the same
    company, on every machine. Raises ValueError below 2,000 events: its faults would drown it.
    """
    if events < 2_000:
        raise ValueError("a company of fewer than 2,000 events has no room for its faults")
    now = now.astimezone(UTC).replace(microsecond=0)
    return _Teller(seed, now, events).tell()


class _Teller:
    def __init__(self, seed: int, now: datetime, events: int) -> None:
        self.seed, self.now, self.events = seed, now, events
        self.start = now - WEEKS * 7 * DAY
        self.rng = stream(seed, "story")
        self.scale = events / 10_000
        self.customers = customers(stream(seed, "people"), self.scale)
        self.pair = namesakes(stream(seed, "namesakes"), self.customers)
        self.voices = Voices(seed, self.customers)
        self.written: list[tuple[datetime, Event]] = []
        self.causes: dict[Key, tuple[str, ...]] = {}
        self.persons: dict[Key, int] = {}
        self.accounts: dict[Key, str] = {}

    def tell(self) -> Company:
        hidden = {n: e.products for n, e in BOOK.items() if e.breaks}
        fast, slow, pushed = fast_and_slow(
            stream(self.seed, "faults"), self.start, self.now, hidden
        )
        factor = self.rng.uniform(1.5, 1.9)
        beat = rhythm(
            self.rng,
            self.start,
            self.now,
            (push(*pushed, factor), lull(slow.onset - DAY, slow.end, self.rng.uniform(0.68, 0.8))),
        )
        self._activities(beat)
        quick, creeping = self._fault(fast), self._fault(slow)
        merge = self._namesakes(fast)
        room = self.events - LIVE_EVENTS - len(self.written)
        for at in beat.times(self.rng, round(room / 1.015)):
            self._background(at)
        self._live([f for f in (fast, slow) if f.end > self.now])
        names = self._number()
        self._edits()
        self.written.sort(key=lambda pair: (pair[0], pair[1]["id"]))
        truth = Truth(
            causes={names[k]: v for k, v in self.causes.items()},
            persons={names[k]: v for k, v in self.persons.items()},
            accounts={names[k]: v for k, v in self.accounts.items()},
            outbreaks=tuple(
                replace(o, records=tuple(sorted(names[k] for k in o.records)))
                for o in (replace(quick, records=quick.records + merge.records[:4]), creeping)
            ),
            campaign=Campaign(*pushed, factor),
            wrong_merge=replace(merge, records=tuple(names[k] for k in merge.records)),
        )
        return Company(
            name=NAME,
            zone=ZONE,
            currency=CURRENCY,
            seed=self.seed,
            start=self.start,
            now=self.now,
            history=tuple(e for at, e in self.written if at < self.now),
            live=tuple(e for at, e in self.written if at >= self.now),
            truth=truth,
            customers=self.customers,
        )

    def _number(self) -> dict[Key, Key]:
        """Numbers each source's records in order of time; otherwise a fault's would stand together."""
        names: dict[Key, Key] = {}
        serial: dict[str, int] = {}
        for _, event in sorted(self.written, key=lambda pair: (pair[0], pair[1]["id"])):
            old = key_of(event)
            count = serial[old.source] = serial.get(old.source, 10_000) + 1
            event["id"] = f"{old.id.rstrip('0123456789')}{count}"
            names[old] = key_of(event)
        return names

    def _add(self, at: datetime, person: Person, event: Event, causes: tuple[str, ...] = ()) -> Key:
        key = key_of(event)
        self.written.append((at, event))
        self.causes[key] = causes
        self.persons[key] = person.number
        self.accounts[key] = person.account.id
        return key

    def _activities(self, beat: Rhythm) -> None:
        """The billing system's first export, later changes of price, and people's own logins."""
        rng = self.rng
        owner: dict[str, Person] = {}
        for person in self.customers.people:
            owner.setdefault(person.account.id, person)
        for account in self.customers.accounts:
            at = self.start + timedelta(seconds=rng.randrange(7200))
            person = owner[account.id]
            self._add(at, person, self.voices.forms.subscription(at, person, account, account.mrr))
        changes = rng.sample(self.customers.accounts, k=len(self.customers.accounts) // 8)
        for at, account in zip(beat.times(rng, len(changes)), changes, strict=True):
            person = owner[account.id]
            mrr = max(9, round(account.mrr * rng.choice((0.0, 0.7, 1.15, 1.3, 1.5))))
            self._add(at, person, self.voices.forms.subscription(at, person, account, mrr))
        fresh = rng.sample(self.customers.people, k=round(450 * self.scale))
        for at, person in zip(beat.times(rng, len(fresh)), fresh, strict=True):
            self._add(at, person, self.voices.forms.signed_up(at, person))

    def _fault(self, fault: Fault) -> Outbreak:
        """Writes an outbreak: each person once, some again on another channel within the day."""
        rng = self.rng
        pool = self._touched(fault)
        rng.shuffle(pool)
        keys: list[Key] = []
        for at, person in zip(fault.times(rng), pool, strict=False):
            again = at + timedelta(minutes=rng.randint(20, 400))
            for when in (at, again) if rng.random() < 0.12 else (at,):
                if when < self.now:
                    keys += [self._complaint(when, person, fault)]
        return Outbreak(
            fault.name, fault.cause, fault.form, fault.onset, fault.end, fault.segment,
            fault.product, tuple(keys),
        )  # fmt: skip

    def _touched(self, fault: Fault) -> list[Person]:
        """Everybody whom a fault can reach."""
        return [
            p
            for p in self.customers.people
            if p not in self.pair
            and fault.segment in {"", p.account.segment}
            and (not fault.product or fault.product in p.products)
        ]

    def _complaint(self, at: datetime, person: Person, fault: Fault) -> Key:
        return self._add(at, person, self.voices.complaint(at, person, fault), (fault.cause,))

    def _namesakes(self, fault: Fault) -> WrongMerge:
        """Father and son: each answers the survey and each meets the fault, late in it and by day."""
        elder, younger = self.pair
        keys: list[Key] = []
        late = fault.onset + (fault.end - fault.onset) * 2 / 3
        noon = local_noon(late)
        if late > noon + timedelta(hours=6):
            noon += DAY
        at = max(late, noon - timedelta(hours=2))
        for offset, person in enumerate((elder, younger, elder, younger)):
            when = at + timedelta(minutes=11 * offset)
            said = say(self.rng, fault.cause, self.voices.product(person, fault))
            event = self.voices.forms.ticket(when, person, said)
            keys.append(self._add(when, person, event, (fault.cause,)))
        for person, days, value in ((elder, 3.2, 10), (younger, 1.6, 1)):
            when = self.now - days * DAY
            event = self.voices.forms.answer(when, person, Said(""))
            event["score"]["value"] = value
            keys.append(self._add(when, person, event))
        return WrongMerge(
            name=elder.name,
            account=elder.account.id,
            keep=elder.number,
            other=younger.number,
            keep_identifier={"type": "email", "value": elder.emails[0]},
            other_identifier={"type": "email", "value": younger.emails[0]},
            outbreak=fault.name,
            records=tuple(keys),
        )

    def _background(self, at: datetime) -> None:
        person = self.voices.somebody()
        event, causes = self.voices.remark(at, person)
        self._add(at, person, event, causes)

    def _edits(self) -> None:
        """A few tickets and chats come a second time, changed."""
        some = [e for _, e in self.written if e["source"] in {"helpdesk", "chat"}]
        for event in self.rng.sample(some, k=len(some) * 2 // 100):
            again = edited(self.rng, event)
            at = datetime.fromisoformat(again["updated_at"])
            if at < self.now:
                self.written.append((at, again))

    def _live(self, running: Iterable[Fault]) -> None:
        """What comes while the demo is watched: the usual mix, and faults that still run."""
        rng = self.rng
        daily = self.events / (WEEKS * 7)
        rates = {f: f.people / ((f.end - f.onset) / DAY) / daily for f in running}
        moments = sorted(rng.uniform(1, LIVE_SECONDS) for _ in range(LIVE_EVENTS))
        for at in (self.now + timedelta(seconds=s) for s in moments):
            fault = next((f for f, rate in rates.items() if rng.random() < rate), None)
            if fault:
                self._complaint(at, rng.choice(self._touched(fault)), fault)
            else:
                self._background(at)


def local_noon(moment: datetime) -> datetime:
    """Noon of the moment's day by the company's clock."""
    return moment.astimezone(LONDON).replace(hour=12, minute=0, second=0, microsecond=0)
