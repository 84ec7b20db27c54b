"""What all services share: the published language, the bus, the delivery loop, Postgres, HTTP."""

import gc


def gc_settings() -> None:
    """Settle the garbage collector of a service: events are `gc=False` Structs, so it need not look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)


def collect_garbage(batch: int) -> None:
    """Look for cycles after a batch, the n-th: nearly nothing of it is alive then, amid it all of it would be."""
    gc.collect(2 if batch % 4096 == 0 else 1 if batch % 64 == 0 else 0)
