"""What is really so in the demo company: kept beside its events, never inside them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Key(NamedTuple):
    """A record: the object `id` of `kind` in the system `source`."""

    source: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Outbreak:
    """A fault and the records that it caused.

    `onset` is when the fault began, `end` when it was gone; the first record comes later, when the
    first person meets it and writes. `segment` and `product` are empty where everyone was touched.
    """

    name: str
    cause: str
    shape: str
    onset: datetime
    end: datetime
    segment: str
    product: str
    records: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A marketing push: `factor` times the usual volume while it runs, and nothing wrong."""

    start: datetime
    end: datetime
    factor: float


@dataclass(frozen=True, slots=True)
class WrongMerge:
    """Two real customers of one name and one firm, whom a careless agent would take for one.

    Each answered the survey in the last week (`keep` is happy, `other` is not) and each wrote about the
    outbreak named, on the same day. So a merge takes one answer out of the NPS and one person out of the
    people, of everything and of the outbreak; undoing it puts both back.
    """

    name: str
    account: str
    keep: int
    other: int
    keep_identifier: dict[str, str]
    other_identifier: dict[str, str]
    outbreak: str
    records: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that the events do not say.

    `causes` names what each record is about: cause ids of the starter taxonomy, none for noise and for
    bare scores. `persons` gives the number of the true person behind each record; records of one number
    are one human being, however many identifiers they use.
    """

    causes: dict[Key, tuple[str, ...]]
    persons: dict[Key, int]
    accounts: dict[Key, str]
    outbreaks: tuple[Outbreak, ...]
    campaign: Campaign
    wrong_merge: WrongMerge
