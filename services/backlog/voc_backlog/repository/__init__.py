"""The tables of the backlog and every SQL statement over them."""

DERIVED = ("tenant",)
"""Tables that may be emptied and rebuilt by reading settings and taxonomies again."""

OWNED = ("item", "issue", "subject", "trail", "flag", "route_set")
"""Tables that nothing can rebuild: what people said, and which evidence they said it of."""
