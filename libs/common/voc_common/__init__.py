"""What all services share: the published language, the bus, the delivery loop, Postgres, HTTP."""

import gc


def gc_settings() -> None:
    """Settle the garbage collector of a service: events are `gc=False` Structs, so it need not look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
