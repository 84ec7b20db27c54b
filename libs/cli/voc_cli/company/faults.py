"""What goes wrong in the demo company, when, how fast and for whom; drawn by seed, told to nobody."""

from dataclasses import dataclass
from datetime import datetime
from math import exp
from random import Random
from typing import Literal

from voc_cli.company.people import PRODUCTS, SEGMENTS
from voc_cli.company.rhythm import DAY, HOUR, Rhythm, usual

Form = Literal["burst", "step", "ramp", "slow"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A plan of one outbreak: `people` will write between `onset` and `end`."""

    name: str
    cause: str
    form: Form
    onset: datetime
    end: datetime
    people: int
    segment: str = ""
    product: str = ""

    def rate(self, moment: datetime) -> float:
        """Relative number of people writing in the hour that starts at `moment`.

        Trouble is reported more evenly over the day than the rest, so the usual week counts by its root.
        """
        if not self.onset <= moment < self.end:
            return 0.0
        since = (moment - self.onset) / HOUR
        whole = (self.end - self.onset) / HOUR
        if self.form == "burst":
            form = exp(-3 * since / whole)
        elif self.form == "ramp":
            form = (since + 1) / whole
        elif self.form == "slow":
            form = min(1.0, (since + 6) / 36)
        else:
            form = 1.0
        return form * usual(moment) ** 0.5

    def times(self, rng: Random) -> list[datetime]:
        """When its people write, in time order, none before the onset."""
        hours = int((self.end - self.onset) / HOUR) + 1
        rates = tuple(self.rate(self.onset + i * HOUR) for i in range(hours))
        return Rhythm(self.onset, rates).times(rng, self.people)


def fast_and_slow(
    rng: Random, start: datetime, end: datetime, causes: dict[str, tuple[str, ...]]
) -> tuple[Fault, Fault, tuple[datetime, datetime]]:
    """Two faults of different causes and a campaign that touches neither's beginning.

    `causes` are those to choose from, with the products that they occur in. The fast one: 26 to 60 people
    within 12 to 40 hours, in all segments. The slow one: 8 to 13 people a day, in one segment and one
    product, for 5 to 8 days after a rise of a day and a half, while the company as a whole hears less.
    Both begin at any hour of the day, after two weeks of peace and early enough to be told.
    """
    while True:
        first, second = rng.sample(sorted(causes), 2)
        slow_onset = start + rng.uniform(18, (end - start) / DAY - 3.5) * DAY
        fast_onset = start + rng.uniform(16, (end - start) / DAY - 2.5) * DAY
        push_start = start + rng.uniform(8, (end - start) / DAY - 9) * DAY
        push_end = push_start + rng.uniform(5, 8) * DAY
        days = rng.uniform(5, 8)
        slow_end = slow_onset + days * DAY
        apart = min(abs(fast_onset - slow_onset), abs(fast_onset - slow_end)) > 2 * DAY
        clear = push_end < slow_onset - 2 * DAY or push_start > slow_end + 2 * DAY
        calm = not push_start - DAY < fast_onset < push_start + 2 * DAY
        if apart and clear and calm:
            break
    form: Form = rng.choice(("burst", "step", "ramp"))
    hours = rng.uniform(12, 40)
    fast = Fault("fast", first, form, fast_onset, fast_onset + hours * HOUR, rng.randint(26, 60))
    slow = Fault(
        "slow",
        second,
        "slow",
        slow_onset,
        slow_end,
        round((days - 0.75) * rng.uniform(8, 13)),
        segment=rng.choice(SEGMENTS),
        product=rng.choice(causes[second] or PRODUCTS),
    )
    return fast, slow, (push_start, push_end)
