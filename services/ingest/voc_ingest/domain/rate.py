"""How many items a tenant may send: a token bucket."""


class Bucket:
    """Allows `rate` items per second with bursts of two seconds' worth; time is an argument (seconds)."""

    def __init__(self, now: float) -> None:
        self._owed = 0.0
        self._at = now

    def take(self, count: int, rate: float, now: float) -> float:
        """0 if `count` items may come now, else seconds to wait; refused items are not charged.

        A bucket that is empty of debt takes a request of any size, so that a batch larger than the burst is
        delayed but never impossible.
        """
        self._owed = max(0.0, self._owed - (now - self._at) * rate)
        self._at = now
        over = self._owed + count - 2 * rate
        if self._owed > 0 and over > 0:
            return min(over, self._owed) / rate
        self._owed += count
        return 0.0
