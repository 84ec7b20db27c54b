"""The tables of taxonomy and every SQL statement over them."""

DERIVED = ("record",)
"""Tables that may be emptied and rebuilt by a replay from the archive."""

OWNED = ("taxonomy", "model", "active", "correction")
"""Tables that nothing can rebuild: what people wrote and taught."""
