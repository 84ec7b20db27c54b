"""How many people to expect per cell and bucket, from nothing but the days before.

Expected = level x hour-of-week profile, times the volume ratio that the detector applies per window.
The level is a discounted Gamma-Poisson (West and Harrison, Bayesian Forecasting and Dynamic Models, 2nd
ed., 14.4) over days that are at least a guard band old, each winsorised, so that an outbreak does not
become the new normal while it runs. A cell's exposure is what the rest of its group heard that day, so
that its level is a share and follows the group's volume without delay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voc_scorecard.domain.cells import HOUR_BUCKETS, Calendar, Cells, Scope, calendar

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

DISCOUNT = 0.97
"""Weight that a day keeps one day later; half of it is gone after 23 days."""
GUARD = 2
"""Whole days before today that the level does not see yet."""
PRIOR_PEOPLE, PRIOR_DAYS = 0.5, 1.0
"""Gamma prior of a level: half a person in one day."""
WINSOR = 2.5
"""Standard deviations above its expectation at which a day is cut off."""
CUT_WEIGHT = 0.25
"""What a day that was cut off counts for: an outbreak must not be learned, a lasting change must."""
WINSOR_FROM = 7
"""Days of data before days are cut off; earlier the level is too uncertain to say what is much."""
CROSS_PEOPLE = 10.0
"""Most people's worth that a segment and a product tell of their crossing."""
PHI_PRIOR = 100.0
"""People's worth of pooled dispersion in each cell's own."""
SWING_PRIOR, SWING_WEIGHT = 0.02, 500.0
"""Squared relative swing of a cell's rate from day to day, and the weight of this guess."""
HALF_LIVE = 0.5
"""People a day at which a cell raises half as many false alarms as a busy one (simulated)."""
SLOTS = 168
RATIO_PRIOR = 10.0
"""People's worth of `no change` in a volume ratio."""
_ROWS = 64
"""Cells whose expectations are summed together: what lies between is as large as they are."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expectation of every bucket as it stood when its local day began.

    At volume ratio 1, `total` (cells, hours) are the people expected before each hour and `rate` those in
    each of its buckets; `before` says it of every bucket from its `hour` and its `place` in that (buckets + 1).
    `shape` (cells, days) is the Gamma shape of the level: the number
    of people that it rests on. `swing` (days) is the squared relative swing of rates from day to day, common
    to all cells; `phi` (cells, days) by how much the variance of a cell exceeds what all this explains, at
    least 1. `day` is the local day of each bucket. `known_days` counts the days of data before each local
    day, `live` the watched cells, those that hardly hear from anybody in part.
    """

    total: Floats
    rate: Floats
    hour: Indices
    place: Indices
    shape: Floats
    phi: Floats
    swing: Floats
    day: NDArray[np.intp]
    known_days: NDArray[np.intp]
    live: Floats

    def before(self, rows: Indices | int, buckets: Indices | int) -> Floats:
        """People expected before these buckets in these cells; a window's expectation is a difference."""
        hour = self.hour[buckets]
        return self.total[rows, hour] + self.place[buckets] * self.rate[rows, hour]


def forecast(cells: Cells) -> Forecast:
    """Expectations for every bucket of `cells`; those of a day rest on days before its guard band only."""
    when = calendar(cells)
    # Whole numbers: half the memory is exact enough.
    hourly = np.add.reduceat(cells.people, when.first_bucket, axis=1, dtype=np.float32)
    levels = _Levels(cells, when, hourly)
    count = len(cells.scopes)
    rate = np.zeros(hourly.shape)
    shape = np.full((count, when.days), PRIOR_PEOPLE)
    phi = np.ones((count, when.days))
    swing = np.full(when.days, SWING_PRIOR)
    live = np.zeros(when.days)
    edges = np.searchsorted(when.day_of_hour, np.arange(when.days + 1))
    for day in range(when.days):
        if day > GUARD:
            levels.learn(day - GUARD - 1, slice(edges[day - GUARD - 1], edges[day - GUARD]))
        hours = slice(edges[day], edges[day + 1])
        rate[:, hours] = levels.expected(hours)
        shape[:, day] = levels.shape()
        phi[:, day] = levels.phi()
        swing[day] = levels.swing()
        live[day] = levels.live()
    # Sums of whole hours only: what is expected before a bucket must not depend on where the data end.
    size = np.diff(np.append(when.first_bucket, cells.buckets))
    total = np.zeros_like(rate)
    for begin in range(0, count, _ROWS):
        rows = slice(begin, begin + _ROWS)
        np.cumsum(rate[rows, :-1] * size[:-1], axis=1, out=total[rows, 1:])
    hour = np.append(when.hour, when.hour[-1:])
    place = np.arange(cells.buckets + 1) - when.first_bucket[hour]
    day_of_bucket = when.day_of_hour[when.hour]
    known = np.maximum(0, np.arange(when.days) - levels.first_day(when))
    return Forecast(
        total, rate, hour, place, shape, phi, swing, day_of_bucket, known.astype(np.intp), live
    )


def volume_ratio(seen: Floats, expected: Floats, towards: Floats | float = 1.0) -> Floats:
    """How much more its group hears than expected: a Gamma-Poisson mean around `towards`.

    The prior weighs `RATIO_PRIOR` people and gives way when the group is far above it: a backlog that
    comes in at once must not look like hundreds of outbreaks.
    """
    aim = expected * towards
    prior = RATIO_PRIOR * np.minimum(1.0, (aim + RATIO_PRIOR) / (seen + RATIO_PRIOR)) ** 2
    return (seen + prior) / (expected + prior / towards)


class _Levels:
    """The state that a day's forecast needs: O(168) numbers per cell, one update per day."""

    def __init__(self, cells: Cells, when: Calendar, hourly: NDArray[np.float32]) -> None:
        count = len(cells.scopes)
        self._cells, self._when, self._hourly = cells, when, hourly
        self._people: Floats = np.zeros(count)
        self._exposure: Floats = np.zeros(count)
        self._groups: NDArray[np.bool_] = cells.group == np.arange(count)
        index = {scope: i for i, scope in enumerate(cells.scopes)}
        wholes = [Scope(segment=s.segment, product=s.product) for s in cells.scopes]
        self._part_of = np.array(
            [index.get(w, -1) if s.cause else -1 for s, w in zip(cells.scopes, wholes, strict=True)]
        )
        self._crossing = _crossings(cells.scopes, index)
        self._slots = np.zeros((count, SLOTS))
        self._visits = np.zeros(SLOTS)
        self._profile = np.ones((count, SLOTS))
        self._square: Floats = np.zeros(count)
        self._mean: Floats = np.zeros(count)
        self._unexplained = self._mean_square = 0.0
        self._learned = 0
        whole = cells.people.sum(axis=0)
        filled = np.flatnonzero(whole)
        self._first = int(filled[0]) if len(filled) else cells.buckets

    def first_day(self, when: Calendar) -> int:
        """Local day of the first person."""
        if self._first >= self._cells.buckets:
            return when.days
        return int(when.day_of_hour[when.hour[self._first]])

    def learn(self, day: int, hours: slice) -> None:
        """Takes in a finished local day; the first may have begun in the middle and is left out."""
        if day <= self.first_day(self._when):
            return
        cells, slot = self._cells, self._when.slot_of_hour[hours]
        share = self._when.share_of_hour[hours]
        seen = self._hourly[:, hours].sum(axis=1, dtype=np.float64)
        usual = (self._profile[:, slot] * share).sum(axis=1) / 24
        most = self._most(seen, usual)
        cut = np.minimum(seen, most)
        # an outbreak must not make its group look busier either, or it would excuse others
        part = self._part_of >= 0
        np.subtract.at(cut, self._part_of[part], (seen - np.minimum(seen, most))[part])
        cut = np.maximum(cut, 0.0)
        mean, exposure = self._mean_of(cut, usual)
        calm = seen <= most
        weight = np.where(calm | self._groups, 1.0, CUT_WEIGHT)
        if self._learned >= WINSOR_FROM:
            known = mean + mean**2 / self.shape()
            variance = known + mean**2 * self.swing()
            miss = np.where(calm, (seen - mean) ** 2, 0.0)
            self._square = DISCOUNT * self._square + miss * mean / np.maximum(variance, 1e-9)
            self._mean = DISCOUNT * self._mean + np.where(calm, mean, 0.0)
            judged = cells.watched & calm
            self._unexplained = DISCOUNT * self._unexplained + (miss - known)[judged].sum()
            self._mean_square = DISCOUNT * self._mean_square + (mean[judged] ** 2).sum()
        self._people = DISCOUNT * self._people + weight * cut
        self._exposure = DISCOUNT * self._exposure + weight * exposure
        scale = weight * np.divide(cut, seen, out=np.ones_like(seen), where=seen > 0)
        self._slots *= DISCOUNT
        self._visits *= DISCOUNT
        np.add.at(self._visits, slot, share)
        for column, into in enumerate(slot):
            self._slots[:, into] += self._hourly[:, hours.start + column] * scale
        self._learned += 1
        self._profile = _profiles(self._slots, self._visits, cells.group)

    def _mean_of(self, people: Floats, usual: Floats) -> tuple[Floats, Floats]:
        """The expectation of a day and the exposure behind it, given how many people its groups heard."""
        group, theme = self._cells.group, self._cells.theme
        heard = np.maximum(0.0, people[group] - people[theme])
        exposure = heard * usual / np.maximum(usual[group], 1e-9)
        exposure[self._groups] = usual[self._groups]
        return self._rate() * exposure, exposure

    def _most(self, seen: Floats, usual: Floats) -> Floats:
        """What a day may have without being cut off."""
        if self._learned < WINSOR_FROM:
            return np.full_like(seen, np.inf)
        mean, _ = self._mean_of(seen, usual)
        variance = self.phi() * (mean + mean**2 / self.shape() + mean**2 * self.swing())
        most = mean + WINSOR * np.sqrt(variance) + 1
        most[self._groups] = np.inf
        return most

    def expected(self, hours: slice) -> Floats:
        """People per cell and bucket of each hour of a day to come, shape (cells, hours)."""
        slot = self._when.slot_of_hour[hours]
        return self._level()[:, None] * self._profile[:, slot] / (24 * HOUR_BUCKETS)

    def shape(self) -> Floats:
        """Gamma shape of each level."""
        return self._prior()[0] + self._people

    def phi(self) -> Floats:
        """Excess dispersion of days, each cell's own shrunk to that of all watched cells, at least 1."""
        watched = self._cells.watched
        pooled = (self._square[watched].sum() + PHI_PRIOR) / (self._mean[watched].sum() + PHI_PRIOR)
        own = (self._square + PHI_PRIOR * pooled) / (self._mean + PHI_PRIOR)
        return np.maximum(1.0, own)

    def swing(self) -> float:
        """Squared relative swing of rates: the variance that counting and unsure levels leave over."""
        prior = SWING_PRIOR * SWING_WEIGHT
        return max(0.0, self._unexplained + prior) / (self._mean_square + SWING_WEIGHT)

    def live(self) -> float:
        """Watched cells, each as far as it can raise a false alarm: half at `HALF_LIVE` people a day."""
        level = self._level()[self._cells.watched]
        return float((level / (level + HALF_LIVE)).sum())

    def _volume(self) -> Floats:
        """People a day in the group of each cell without its theme; 1 for a cell that is its own group."""
        group, theme = self._cells.group, self._cells.theme
        level = (PRIOR_PEOPLE + self._people) / (PRIOR_DAYS + self._exposure)
        others = 1.0 - self._people[theme] / np.maximum(self._people[group], 1e-9)
        volume = np.maximum(level[group] * np.clip(others, 0.05, 1.0), 0.1)
        volume[self._groups] = 1.0
        return volume

    def _prior(self) -> tuple[Floats, Floats]:
        """People and exposure that each level begins with.

        A cause in a product of a segment has few people of its own. Were it in the segment as often in one
        product as in another, it would have `beside * below / rest`: of the people whom the cause has in the
        segment's other products, in the product's other segments, and in neither.
        """
        people = np.full(len(self._people), PRIOR_PEOPLE)
        exposure = PRIOR_DAYS * self._volume()
        at, segment, product, cause = self._crossing
        own, heard = self._people[at], self._people
        beside = np.maximum(heard[segment] - own, 0.0) + PRIOR_PEOPLE
        below = np.maximum(heard[product] - own, 0.0) + PRIOR_PEOPLE
        rest = heard[cause] - heard[segment] - heard[product] + own
        rest = np.maximum(rest, 0.0) + PRIOR_PEOPLE
        sure = 1.0 / (1.0 / beside + 1.0 / below + 1.0 / rest)
        people[at] = np.clip(sure, PRIOR_PEOPLE, CROSS_PEOPLE)
        crossed = beside * below / rest
        exposure[at] = people[at] / crossed * (exposure[at] + self._exposure[at])
        return people, exposure

    def _rate(self) -> Floats:
        """People per unit of exposure: per day, or per person that the rest of its group hears from."""
        people, exposure = self._prior()
        return (people + self._people) / (exposure + self._exposure)

    def _level(self) -> Floats:
        return self._rate() * self._volume()


def _crossings(
    scopes: Sequence[Scope], index: Mapping[Scope, int]
) -> tuple[Indices, Indices, Indices, Indices]:
    """Cells of a cause in a product of a segment, and its cells in the segment, in the product, anywhere."""
    found: list[list[int]] = []
    for i, s in enumerate(scopes):
        if s.cause and s.segment and s.product:
            wider = (replace(s, product=""), replace(s, segment=""), Scope(s.cause))
            if all(w in index for w in wider):
                found.append([i, *(index[w] for w in wider)])
    table = np.array(found, np.intp).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def _profiles(slots: Floats, visits: Floats, group: NDArray[np.intp]) -> Floats:
    """Relative rate of each hour of the week per cell, shape (cells, 168), mean 1.

    A group's is shrunk to weekday x hour of day and that to flat, a cell's to its group's; each bin holds
    some people's worth of the coarser profile, so that few data give the coarse one.
    """
    count = len(slots)
    grid, times = slots.reshape(count, 7, 24), visits.reshape(7, 24)
    hours = max(float(times.sum()), 1e-9)
    mean = grid.sum(axis=(1, 2))[:, None] / hours + 1e-9
    weekday = (grid.sum(axis=2) + 20) / (mean * times.sum(axis=1) + 20)
    of_day = np.einsum("cw,wh->ch", weekday, times) * mean
    hour = (grid.sum(axis=1) + 10) / (of_day + 10)
    coarse = (weekday[:, :, None] * hour[:, None, :]).reshape(count, SLOTS)
    fine = coarse * (slots + 20) / (mean * coarse * visits + 20)
    fine /= fine.mean(axis=1, keepdims=True)
    wide = fine[group]
    total = mean * hours
    usual = wide * visits
    usual *= total / np.maximum(usual.sum(axis=1, keepdims=True), 1e-9)
    own = wide * (slots + 20) / (usual + 20)
    own /= own.mean(axis=1, keepdims=True)
    own[group == np.arange(count)] = fine[group == np.arange(count)]
    return own
