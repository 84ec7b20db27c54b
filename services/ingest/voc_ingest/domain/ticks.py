"""Up to when all that was known has been published."""


def watermark(now: int, least_pending: int | None) -> int:
    """The time (us) for a tick: the least `known_at` still pending, else now.

    A request that is stamped but not committed is not seen here; it commits or gives up within half of the
    30 s that readers of ticks subtract.
    """
    return now if least_pending is None else min(now, least_pending)
