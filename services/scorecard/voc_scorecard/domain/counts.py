"""The negative binomial distribution of people in a window, in plain numpy."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LANCZOS = (
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
_TERMS = 24
_MOST = 100_000
_POISSON = 1e6
_NORMAL = 500.0


def log_gamma(x: Floats) -> Floats:
    """Natural logarithm of the gamma function for x > 0 (Lanczos, g = 7, relative error about 1e-13)."""
    z = x  # gamma(x) = gamma(x + 1) / x: the series wants at least .5
    series = np.full_like(z, 0.99999999999980993)
    for i, coefficient in enumerate(_LANCZOS):
        series += coefficient / (z + i + 1.0)
    t = z + 7.5
    return 0.5 * np.log(2 * np.pi) + (z + 0.5) * np.log(t) - t + np.log(series) - np.log(x)


def dispersion(mean: Floats, phi: Floats, shape: Floats) -> Floats:
    """Size r of the negative binomial with this mean and variance phi mean + mean^2 / shape.

    `phi` >= 1 is the variance over the mean at a known rate, `shape` that of the Gamma that the rate is
    known by. The variance is mean + mean^2 / r, so r = mean / (phi - 1 + mean / shape).
    """
    size = np.maximum(mean, 1e-12) / np.maximum(phi - 1.0 + mean / shape, 1e-12)
    return np.minimum(size, _POISSON)


def log10_tail(count: Floats, mean: Floats, size: Floats) -> Floats:
    """log10 of P(N >= count) for a negative binomial of `mean` and `size`, elementwise.

    Meant for counts above the mean, where the terms fall geometrically: the first ones are summed, the
    rest is bounded by a geometric series (evidence exact to .01 from 1.5 times the mean). Below, it
    returns 0 (P = 1).
    """
    result = np.zeros_like(mean)
    far = count > mean
    if not far.any():
        return result
    y, m, r = count[far].astype(np.float64), np.maximum(mean[far], 1e-12), size[far]
    q = m / (m + r)
    choose = log_gamma(y + r) - log_gamma(r) - log_gamma(y + 1.0)
    log_first = choose + y * np.log(q) - r * np.log1p(m / r)
    total, term, k = np.ones_like(y), np.ones_like(y), y.copy()
    for _ in range(_TERMS):
        term *= (k + r) / (k + 1.0) * q
        total += term
        k += 1.0
    ratio = np.minimum(np.maximum((k + r) / (k + 1.0), 1.0) * q, 0.999)
    total += term * ratio / (1.0 - ratio)
    result[far] = (log_first + np.log(total)) / np.log(10.0)
    return result


def interval(mean: float, size: float, mass: float = 0.8) -> tuple[int, int]:
    """The least and greatest count of the central `mass` of a negative binomial."""
    below, above = (1 - mass) / 2, 1 - (1 - mass) / 2
    if mean > _NORMAL:
        half = NormalDist().inv_cdf(above) * (mean + mean**2 / size) ** 0.5
        return max(0, round(mean - half)), round(mean + half)
    q = mean / (mean + size)
    term = float(np.exp(-size * np.log1p(mean / size)))
    total, count, low = term, 0, 0
    while total < above and count < _MOST:
        if total < below:
            low = count + 1
        term *= (count + size) / (count + 1.0) * q
        total += term
        count += 1
    return low, count
