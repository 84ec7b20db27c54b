"""When people write: hours of the day, days of the week, noise, a campaign, a quiet week."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

ZONE = "Europe/London"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_WEEKDAY = (1.12, 1.08, 1.02, 1.0, 0.92, 0.42, 0.36)
_WORKING = (2, 1, 1, 1, 1, 3, 8, 22, 55, 88, 97, 92, 78, 80, 90, 86, 74, 58, 40, 32, 30, 24, 13, 6)
_RESTING = (4, 2, 1, 1, 1, 2, 5, 12, 26, 44, 58, 60, 56, 52, 50, 48, 46, 46, 48, 50, 46, 34, 20, 9)


def stream(seed: int, name: str) -> Random:
    """Its own stream of chance for each part of the company, so that none shifts another's draws."""
    return Random(f"{seed}/{name}")  # noqa: S311 (a demo, not a secret)


Shape = Callable[[datetime], float]


@dataclass(frozen=True)
class Rhythm:
    """Weights of the hours from `start` on; proportional to the events that they see."""

    start: datetime
    weights: tuple[float, ...]

    def times(self, rng: Random, count: int) -> list[datetime]:
        """`count` moments in time order, more of them in heavy hours."""
        sums = list(accumulate(self.weights))
        found: list[datetime] = []
        for _ in range(count):
            hour = bisect_right(sums, rng.random() * sums[-1])
            found.append(self.start + hour * HOUR + timedelta(seconds=rng.randrange(3600)))
        return sorted(found)


def usual(moment: datetime) -> float:
    """Relative weight of an hour in a week without events, by the company's local clock."""
    local = moment.astimezone(ZoneInfo(ZONE))
    hours = _WORKING if local.weekday() < 5 else _RESTING
    return _WEEKDAY[local.weekday()] * hours[local.hour] / 40


def rhythm(rng: Random, start: datetime, end: datetime, bends: Sequence[Shape]) -> Rhythm:
    """The hours from `start` to `end`: the usual week, some noise by day and what `bends` it."""
    start = start.astimezone(UTC)
    noise: dict[int, float] = {}
    weights: list[float] = []
    for hour in range(int((end - start) / HOUR)):
        moment = start + hour * HOUR
        day = moment.astimezone(ZoneInfo(ZONE)).toordinal()
        if day not in noise:
            noise[day] = rng.lognormvariate(0, 0.09)
        weight = usual(moment) * noise[day]
        for bend in bends:
            weight *= bend(moment)
        weights.append(weight)
    return Rhythm(start, tuple(weights))


def push(start: datetime, end: datetime, factor: float) -> Shape:
    """A campaign: up to `factor` at once, fading to half of the rise by its end."""

    def bend(moment: datetime) -> float:
        if not start <= moment < end:
            return 1.0
        return 1 + (factor - 1) * (1 - 0.5 * ((moment - start) / (end - start)))

    return bend


def lull(start: datetime, end: datetime, factor: float) -> Shape:
    """A quiet stretch: down to `factor` within two days, back within two days after `end`."""

    def bend(moment: datetime) -> float:
        into = min(1.0, max(0.0, (moment - start) / (2 * DAY)))
        back = min(1.0, max(0.0, (moment - end) / (2 * DAY)))
        return 1 - (1 - factor) * max(0.0, into - back)

    return bend
