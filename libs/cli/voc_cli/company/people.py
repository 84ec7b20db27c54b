"""The demo company's customers: firms with revenue, people with several ways of naming themselves."""

from dataclasses import dataclass, field
from itertools import count
from random import Random

from voc_cli.company.names import FAMILY, GIVEN, NUMBER_BLOCKS, PLACES, SHORT, TRADES

SEGMENTS = ("sole trader", "small team", "mid-size")
PRODUCTS = ("invoicing", "payments", "payroll", "mobile app")


@dataclass(frozen=True, slots=True)
class Account:
    """A firm that pays `mrr` (GBP a month). `id` is its number in the CRM."""

    id: str
    name: str
    domain: str
    segment: str
    mrr: int


@dataclass(slots=True)
class Person:
    """One human being. `crm` is empty for those whom the CRM does not know by name.

    `emails` and `phone` may be shared with a relative. `talk` weighs how often this person writes.
    """

    number: int
    given: str
    family: str
    account: Account
    emails: list[str]
    phone: str
    crm: str = ""
    install: str = ""
    talk: float = 1.0
    products: tuple[str, ...] = PRODUCTS

    @property
    def name(self) -> str:
        """The name as the CRM writes it."""
        return f"{self.given} {self.family}"


@dataclass(slots=True)
class Customers:
    """All firms and people; `by_segment` lists the people of a segment."""

    accounts: list[Account] = field(default_factory=list[Account])
    people: list[Person] = field(default_factory=list[Person])

    def by_segment(self) -> dict[str, list[Person]]:
        """People of each segment, in order of their numbers."""
        return {s: [p for p in self.people if p.account.segment == s] for s in SEGMENTS}


@dataclass(slots=True)
class _Desk:
    """Hands out what must be unique: firm names, mail names, numbers."""

    rng: Random
    taken: set[str] = field(default_factory=set[str])
    serial: "count[int]" = field(default_factory=lambda: count(1001))

    def unique(self, wanted: str) -> str:
        """`wanted`, or with a number behind it if somebody has it already."""
        for tail in count(2):
            if wanted not in self.taken:
                self.taken.add(wanted)
                return wanted
            wanted = f"{wanted.rstrip('0123456789')}{tail}"
        raise AssertionError

    def phone(self) -> str:
        """A number that nobody has, in international form."""
        while True:
            number = f"{self.rng.choice(NUMBER_BLOCKS)}{self.rng.randrange(1000):03d}"
            if number not in self.taken:
                self.taken.add(number)
                return number

    def person(self, number: int, account: Account, family: str = "") -> Person:
        """A new person of `account`; most have a work address, many a private one as well."""
        rng = self.rng
        given, family = rng.choice(GIVEN), family or rng.choice(FAMILY)
        work = self.unique(f"{given}.{family}".lower()) + f"@{account.domain}"
        style = rng.choice((f"{given}{family}", f"{given[0]}{family}", f"{family}.{given}"))
        private = self.unique(f"{style.lower()}{rng.randrange(60, 99)}") + "@postbox.example"
        roll = rng.random()
        emails = [work, private] if roll < 0.3 else [private] if roll < 0.45 else [work]
        shares = rng.sample(PRODUCTS, k=rng.choice((1, 2, 2, 3)))
        return Person(
            number=number,
            given=given,
            family=family,
            account=account,
            emails=emails,
            phone=self.phone(),
            crm=f"C-{next(self.serial)}" if rng.random() < 0.8 else "",
            install=f"inst-{rng.getrandbits(40):010x}" if rng.random() < 0.5 else "",
            talk=rng.lognormvariate(0, 0.6),
            products=tuple(sorted(shares)),
        )


def customers(rng: Random, scale: float) -> Customers:
    """The company's customers. `scale` 1 gives about 850 firms and 2,500 people.

    About a fifth of the sole traders work with a relative: of one surname, on one phone, half of them
    also on one mailbox. Such pairs are two people.
    """
    desk, found, number = _Desk(rng), Customers(), count()
    plan = (
        (SEGMENTS[0], 600, (1, 1), (12, 39)),
        (SEGMENTS[1], 220, (2, 7), (60, 280)),
        (SEGMENTS[2], 30, (14, 36), (600, 3200)),
    )
    for segment, firms, (least, most), (cheap, dear) in plan:
        for _ in range(max(2, round(firms * scale))):
            account = _account(desk, len(found.accounts), segment, rng.randint(cheap, dear))
            found.accounts.append(account)
            staff = [desk.person(next(number), account) for _ in range(rng.randint(least, most))]
            if segment == SEGMENTS[0] and rng.random() < 0.22:
                staff.append(_relative(desk, next(number), staff[0]))
            found.people.extend(staff)
    return found


def namesakes(rng: Random, among: Customers) -> tuple[Person, Person]:
    """Two people of one name in one firm, father and son, with nothing else in common.

    They take the places of two colleagues. They write only what the story has
    them write. Only the first is in the CRM, so that nothing which
    identifies people for sure says either that they are one or that they are two.
    """
    firms = [a for a in among.accounts if a.segment == SEGMENTS[1]]
    while True:
        firm = rng.choice(firms)
        staff = [p for p in among.people if p.account is firm]
        if len(staff) >= 2:
            break
    elder, younger = staff[0], staff[1]
    surname = rng.choice(FAMILY)
    for person, mailbox in ((elder, "martin"), (younger, "martin.jnr")):
        person.given, person.family = "Martin", surname
        person.emails = [f"{mailbox}@{firm.domain}"]
        person.install, person.talk = "", 0.0
        person.products = PRODUCTS
    elder.crm = elder.crm or "C-1000"
    younger.crm = ""
    return elder, younger


def _account(desk: _Desk, index: int, segment: str, mrr: int) -> Account:
    rng = desk.rng
    first = rng.choice(PLACES) if rng.random() < 0.6 else rng.choice(FAMILY)
    name = f"{first} {rng.choice(TRADES)}"
    domain = desk.unique(name.lower().replace(" ", "-")) + ".example"
    return Account(id=f"A-{500 + index}", name=name, domain=domain, segment=segment, mrr=mrr)


def _relative(desk: _Desk, number: int, of: Person) -> Person:
    """A partner in life and business: same surname, same phone, perhaps the same mailbox."""
    person = desk.person(number, of.account, of.family)
    while person.given[0] == of.given[0]:
        person.given = desk.rng.choice(GIVEN)
    person.phone = of.phone
    if desk.rng.random() < 0.5:
        shared = desk.unique(f"the.{of.family}s".lower()) + "@postbox.example"
        of.emails = [shared, *of.emails[:1]]
        person.emails = [shared]
    return person


def spoken(rng: Random, person: Person) -> str:
    """The person's name as a colleague on the phone or a form would take it down.

    Mostly right; sometimes the short form, two letters swapped, or capitals.
    """
    roll = rng.random()
    if roll < 0.06 and person.given in SHORT:
        return f"{SHORT[person.given]} {person.family}"
    if roll < 0.09:
        at = rng.randrange(1, len(person.family) - 1)
        family = person.family
        return f"{person.given} {family[:at]}{family[at + 1]}{family[at]}{family[at + 2 :]}"
    if roll < 0.12:
        return person.name.upper()
    return person.name


def dialled(rng: Random, number: str) -> str:
    """The same phone number, written one of the ways people write it."""
    area = 2 if number[3:5] in {"20", "28", "29"} else 3
    code, rest = number[3 : 3 + area], number[3 + area :]
    return rng.choice(
        (
            number,
            number,
            f"+44 {code} {rest[:-4]} {rest[-4:]}",
            f"+44 (0){code} {rest[:-4]} {rest[-4:]}",
            f"+44-{code}-{rest}",
        )
    )


def typed(rng: Random, email: str) -> str:
    """The same address as typed: now and then in capitals, rarely with a slip that makes it another."""
    roll = rng.random()
    if roll < 0.05:
        return email.title()
    if roll < 0.06:
        at = rng.randrange(1, email.index("@") - 1)
        return email[:at] + email[at + 1 :]
    return email
