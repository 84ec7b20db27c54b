"""The tables of identity and every SQL statement over them."""

from voc_identity.repository.edges import add_edge, edge_page, edges, retract_edge
from voc_identity.repository.records import (
    lock_components,
    members,
    records_of,
    rows,
    rows_or_twins,
    speakers,
)
from voc_identity.repository.shapes import EdgeRow, HashKey, KeyState, Noted, RecordKey, Row
from voc_identity.repository.tenants import (
    Rules,
    configure,
    generation,
    next_to_reread,
    reread_until,
    rules,
)
from voc_identity.repository.values import (
    claim_keys,
    hold_free,
    hold_generic,
    holders,
    look_up,
)
from voc_identity.repository.written import Written, write

__all__ = [
    "DERIVED",
    "OWNED",
    "EdgeRow",
    "HashKey",
    "KeyState",
    "Noted",
    "RecordKey",
    "Row",
    "Rules",
    "Written",
    "add_edge",
    "claim_keys",
    "configure",
    "edge_page",
    "edges",
    "generation",
    "hold_free",
    "hold_generic",
    "holders",
    "lock_components",
    "look_up",
    "members",
    "next_to_reread",
    "records_of",
    "reread_until",
    "retract_edge",
    "rows",
    "rows_or_twins",
    "rules",
    "speakers",
    "write",
]

DERIVED = ("record", "key", "holder", "profile")
"""Tables that may be emptied and rebuilt by a replay from the archive."""

OWNED = ("tenant", "edge", "edge_record")
"""Tables that nothing can rebuild: the secrets that key the hashes, and the manual edges."""
