"""Every SQL statement of ingest.

All tables are owned: nothing here can be rebuilt from the bus, everything else can be rebuilt from here.
"""

OWNED = ("tenant", "source", "source_count", "record", "archive", "load", "load_count", "replay")
"""Tables to back up."""

PASSING = ("pending", "outbox", "rhythm", "attempt", "dead_letter")
"""Tables that only hold work not yet done."""
