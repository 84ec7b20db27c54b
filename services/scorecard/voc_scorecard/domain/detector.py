"""Hot issues: cells that hear from more people than they should, as a pure function of closed buckets.

Each cell's people in windows of 1 to 48 hours are held against a negative binomial around level x
hour-of-week profile x volume ratio of the cell's group. The evidence is the largest -log10 of a window's
tail probability times the number of such windows in the longest one (so that each width errs equally
often); the threshold comes from the false alarms allowed per day over the live cells. Another detector
may take this one's place behind `evaluate`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voc_scorecard.domain.calibration import CALIBRATION, Calibration
from voc_scorecard.domain.cells import BUCKET, DAY_BUCKETS, HOUR_BUCKETS, Cells, Scope
from voc_scorecard.domain.counts import dispersion, interval, log10_tail
from voc_scorecard.domain.forecast import RATIO_PRIOR, Forecast, forecast, volume_ratio

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

RATIO_BUCKETS = 2 * HOUR_BUCKETS
"""Stretch over which the volume ratio is taken between a day's and the window's own."""
ONSET_BUCKETS = 5 * DAY_BUCKETS
"""How far back an onset is looked for."""
ONSET_SLACK = 6.0
"""Log-likelihood by which a start may fall short of the best and still be in the range. Faults that come
on slowly make Wilks' 1.35 (90 %) far too narrow; this covers 94 % of simulated onsets (bench/hot_issues.py)."""
_BATCH = 2**16
"""Windows of one width that are looked at together, of as many cells as that is: memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When to call.

    `false_per_day` is what a tenant tolerates over all its cells. An alarm needs `least_people` in its
    window and `least_lift` times the people expected, of whom no window counts fewer than
    `least_expected`: of hundreds of cells that hardly ever hear from anybody some have two or three by
    chance. `warm_up_days` of data come before any alarm.
    `windows` are in buckets; those up to `hold_window` also say whether an outbreak goes on, which
    needs evidence of `hold` only.
    """

    false_per_day: float = 1 / 240
    least_people: int = 3
    least_lift: float = 1.5
    least_expected: float = 0.1
    warm_up_days: int = 14
    windows: tuple[int, ...] = (6, 24, 72, 144, 288)
    hold: float = 2.0
    hold_window: int = DAY_BUCKETS
    calibration: Calibration = field(default=CALIBRATION)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A cell that was hot when a bucket closed.

    Times are UTC microseconds, `detected_at` is the bucket's end. `people`, `expected` and its 80 % range
    (`expected_low`, `expected_high`) are of the `window` (buckets) with the most evidence; `volume` is its
    volume ratio. `onset` lies within [`onset_from`, `onset_to`] (in 94 % of simulated outbreaks).
    `raised` is true above the threshold; `going` while the windows up to the policy's `hold_window` say
    so too, weakly: an outbreak that was raised before goes on. An alarm is at least one of the two.
    `p_real` is the calibrated probability that it is an outbreak.
    """

    cell: int
    scope: Scope
    detected_at: int
    window: int
    people: int
    expected: float
    expected_low: int
    expected_high: int
    volume: float
    evidence: float
    raised: bool
    going: bool
    p_real: float
    onset: int
    onset_from: int
    onset_to: int

    @property
    def excess(self) -> float:
        """People above the expectation."""
        return self.people - self.expected


def evaluate(
    cells: Cells,
    from_bucket: int,
    to_bucket: int,
    policy: Policy | None = None,
    expected: Forecast | None = None,
) -> list[Alarm]:
    """Alarms of the buckets in [from_bucket, to_bucket), in order of bucket and cell.

    Uses nothing after the bucket that it judges, so that any division of a range into calls gives the
    same alarms. Raised alarms come for every bucket, others at the full hour. `expected` saves the
    forecast when the caller has it.
    """
    policy = policy or Policy()
    first, last = max(from_bucket, 0), min(to_bucket, cells.buckets)
    if first >= last:
        return []
    expected = expected or forecast(cells)
    day = expected.day[first:last]
    levels = {
        n: policy.calibration.threshold(policy.false_per_day, n)
        for n in set(expected.live[day].tolist())
    }
    threshold = np.array([levels[n] for n in expected.live[day].tolist()])
    asleep = expected.known_days[day] < policy.warm_up_days
    threshold[asleep] = np.inf
    hourly = (cells.start // BUCKET + np.arange(first, last) + 1) % HOUR_BUCKETS == 0
    watched = np.flatnonzero(cells.watched)
    alarms: list[Alarm] = []
    batch = -(-_BATCH // (last - first))
    for begin in range(0, len(watched), batch):
        rows = watched[begin : begin + batch]
        look = _Look(cells, rows, expected, policy)
        evidence, holding, window = look.evidence(rows, np.arange(first, last) + 1)
        raised = evidence >= threshold
        held = (holding >= policy.hold) & hourly & ~asleep
        row, column = np.nonzero(raised | held)
        alarms.extend(
            look.alarms(
                rows[row],
                first + column + 1,
                window[row, column],
                evidence[row, column],
                raised[row, column],
                holding[row, column] >= policy.hold,
            )
        )
    alarms.sort(key=lambda a: (a.detected_at, a.cell))
    return alarms


@dataclass(frozen=True, slots=True)
class _Windows:
    """People in windows, what they are held against, and how sure that is; elementwise arrays."""

    people: Floats
    mean: Floats
    ratio: Floats
    size: Floats


class _Look:
    """Windows of some cells over the running sums of people and expectations."""

    def __init__(self, cells: Cells, rows: Indices, expected: Forecast, policy: Policy) -> None:
        self._cells, self._expected, self._policy = cells, expected, policy
        # Of these cells and what they are held against alone: those of all would be the most of a judgement's memory.
        needed = np.unique(np.concatenate((rows, cells.group[rows], cells.theme[rows])))
        self._place = np.zeros(len(cells.scopes), np.intp)
        self._place[needed] = np.arange(len(needed))
        # sums of people are whole numbers: half the memory is exact enough
        self._sums = np.zeros((len(needed), cells.buckets + 1), np.float32)
        np.cumsum(cells.people[needed], axis=1, dtype=np.float32, out=self._sums[:, 1:])

    def evidence(self, rows: Indices, ends: Indices) -> tuple[Floats, Floats, Indices]:
        """Most evidence over all windows and over those that hold, and its window; (rows, ends)."""
        policy = self._policy
        strongest = np.zeros((len(rows), len(ends)))
        holding = np.zeros_like(strongest)
        best = np.full(strongest.shape, policy.windows[0], np.intp)
        for width in policy.windows:
            # most windows hold next to nobody: only the others are worth a closer look
            people = self._people(rows, ends, width)
            row, column = np.nonzero(people >= policy.least_people)
            seen = self.windows(rows[row], ends[column], np.intp(width))
            much = seen.people >= policy.least_lift * seen.mean
            row, column = row[much], column[much]
            looks = np.log10(max(policy.windows) / width)
            tail = log10_tail(seen.people[much], seen.mean[much], seen.size[much])
            evidence = np.maximum(-tail - looks, 0.0)
            stronger = evidence > strongest[row, column]
            strongest[row[stronger], column[stronger]] = evidence[stronger]
            best[row[stronger], column[stronger]] = width
            if width <= policy.hold_window:
                holding[row, column] = np.maximum(holding[row, column], evidence)
        return strongest, holding, best

    def windows(self, rows: Indices, ends: Indices, width: Indices | np.intp) -> _Windows:
        """The windows of `width` buckets before `ends` in cells `rows`; all broadcast together."""
        group, theme = self._cells.group[rows], self._cells.theme[rows]
        span = np.maximum(width, DAY_BUCKETS)
        others = self._others(group, theme, ends, span)
        ratio = volume_ratio(*others)
        for least in (RATIO_BUCKETS, 0):
            # each shorter stretch moves the ratio as far as it holds people, once
            shorter = np.maximum(width, least) < span
            span = np.maximum(width, least)
            others = self._others(group, theme, ends, span)
            ratio = np.where(shorter, volume_ratio(*others, ratio), ratio)
        ratio = np.where(group == rows, 1.0, ratio)
        people, mean = self._span(rows, ends, width)
        mean = np.maximum(mean * ratio, self._policy.least_expected)
        day = self._expected.day[ends - 1]
        unsure = (
            1.0 / self._expected.shape[rows, day]
            + np.where(group == rows, 0.0, 1.0 / (others[0] + RATIO_PRIOR))
            + self._expected.swing[day]
        )
        size = dispersion(mean, self._expected.phi[rows, day], 1.0 / unsure)
        return _Windows(people, mean, ratio, size)

    def alarms(
        self,
        rows: Indices,
        ends: Indices,
        width: Indices,
        evidence: Floats,
        above: NDArray[np.bool_],
        going: NDArray[np.bool_],
    ) -> Iterator[Alarm]:
        """The alarms of single windows; one element of each array per alarm."""
        seen = self.windows(rows, ends, width)
        for i in range(len(rows)):
            row, end, wide = int(rows[i]), int(ends[i]), int(width[i])
            raised, live = bool(above[i]), float(self._expected.live[self._expected.day[end - 1]])
            low, high = interval(float(seen.mean[i]), float(seen.size[i]))
            onset = self._onset(row, end, float(seen.ratio[i])) if raised else (end - wide,) * 3
            at, earliest, latest = (self._cells.starts_at(b) for b in onset)
            yield Alarm(
                cell=row,
                scope=self._cells.scopes[row],
                detected_at=self._cells.starts_at(end),
                window=wide,
                people=round(float(seen.people[i])),
                expected=float(seen.mean[i]),
                expected_low=low,
                expected_high=high,
                volume=float(seen.ratio[i]),
                evidence=float(evidence[i]),
                raised=raised,
                going=bool(going[i]),
                p_real=self._policy.calibration.p_real(float(evidence[i]), live),
                onset=at,
                onset_from=earliest,
                onset_to=latest,
            )

    def _people(self, rows: Indices, ends: Indices, width: int) -> NDArray[np.float32]:
        """People in the windows of one width, shape (rows, ends)."""
        at = self._place[rows][:, None]
        return self._sums[at, ends] - self._sums[at, np.maximum(ends - width, 0)]

    def _span(
        self, rows: Indices, ends: Indices, width: Indices | np.intp
    ) -> tuple[Floats, Floats]:
        begins = np.maximum(ends - width, 0)
        before, at = self._expected.before, self._place[rows]
        return (
            (self._sums[at, ends] - self._sums[at, begins]).astype(np.float64),
            before(rows, ends) - before(rows, begins),
        )

    def _others(
        self, group: Indices, theme: Indices, ends: Indices, width: Indices | np.intp
    ) -> tuple[Floats, Floats]:
        seen, expected = self._span(group, ends, width)
        own, own_expected = self._span(theme, ends, width)
        return np.maximum(seen - own, 0.0), np.maximum(expected - own_expected, 1e-9)

    def _onset(self, row: int, end: int, ratio: float) -> tuple[int, int, int]:
        """Bucket at which the rate most likely rose, and the least and greatest that are as good.

        The Poisson likelihood ratio of "more from here on" (Kulldorff's scan in time). The range holds
        the starts within `ONSET_SLACK` of the best.
        """
        begins = np.arange(max(0, end - ONSET_BUCKETS), end)
        before, at = self._expected.before, self._place[row]
        people = (self._sums[at, end] - self._sums[at, begins]).astype(np.float64)
        mean = np.maximum((before(row, end) - before(row, begins)) * ratio, 1e-6)
        more = people > mean
        gain = np.where(
            more, people * np.log(np.maximum(people, 1e-9) / mean) - (people - mean), 0.0
        )
        best = int(np.argmax(gain))
        near = np.flatnonzero(gain >= gain[best] - ONSET_SLACK)
        return int(begins[best]), int(begins[near[0]]), int(begins[near[-1]])
