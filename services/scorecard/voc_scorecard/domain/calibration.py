"""What an alarm's evidence is worth: fitted on simulated replays, kept as data, replaced as a whole."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Calibration:
    """Evidence in two currencies: false alarms a day, and the probability of a real outbreak.

    `false_alarms` are (evidence, false outbreaks per live watched cell and day), falling; between points
    the logarithm is linear, beyond them it goes on as at the end. `real_per_day` is how many real
    outbreaks a tenant is taken to have a day: a prior, to be replaced by people's verdicts.
    """

    version: str
    fitted_on: str
    false_alarms: tuple[tuple[float, float], ...]
    real_per_day: float

    def false_per_day(self, evidence: float, live_cells: float) -> float:
        """False outbreaks a day over `live_cells` cells that reach this evidence."""
        points = np.array(self.false_alarms)
        logs = np.log10(points[:, 1])
        a, b = (0, 1) if evidence < points[0, 0] else (-2, -1)
        if points[0, 0] <= evidence <= points[-1, 0]:
            log = float(np.interp(evidence, points[:, 0], logs))
        else:
            slope = (logs[b] - logs[a]) / (points[b, 0] - points[a, 0])
            log = float(logs[b] + slope * (evidence - points[b, 0]))
        return max(live_cells, 1.0) * 10.0**log

    def threshold(self, per_day: float, live_cells: float) -> float:
        """Least evidence with at most `per_day` false outbreaks a day over `live_cells` cells."""
        low, high = 0.0, 30.0
        for _ in range(40):
            middle = (low + high) / 2
            if self.false_per_day(middle, live_cells) > per_day:
                low = middle
            else:
                high = middle
        return high

    def p_real(self, evidence: float, live_cells: float) -> float:
        """Probability that a cell with this evidence is a real outbreak, by Bayes' rule on the two rates."""
        false = self.false_per_day(evidence, live_cells)
        return self.real_per_day / (self.real_per_day + false)


CALIBRATION = Calibration(
    version="1",
    fitted_on="16 simulated companies of 10,000 events, labels perfect and degraded (bench/calibrate_hot_issues.py)",
    false_alarms=((3.0, 2.6e-3), (4.0, 4.5e-4), (5.0, 5.3e-5), (6.0, 6.0e-6)),
    real_per_day=1 / 28,
)
"""The calibration in use."""
