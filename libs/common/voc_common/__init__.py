"""What all services share: the published language, the bus, the delivery loop, Postgres, HTTP."""

import contextlib
import ctypes
import gc

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = 32 * 1024 * 1024


def settle_memory() -> None:
    """Settle the memory of a service: events are `gc=False` Structs, so the collector need not look often.

    What a batch has freed is kept for the next: else it goes back to the system each time, and every page of
    it comes again by a fault.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for name, size in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _KEPT), (_TOP_PAD, 1 << 20)):
            mallopt(name, size)
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)


def give_back_memory() -> None:
    """Give the system back what long work has freed and no batch will fill; takes milliseconds."""
    with contextlib.suppress(AttributeError, OSError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def collect_garbage(batch: int) -> None:
    """Look for cycles after a batch, the n-th: nearly nothing of it is alive then, amid it all of it would be."""
    gc.collect(2 if batch % 4096 == 0 else 1 if batch % 64 == 0 else 0)
