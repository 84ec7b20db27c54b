"""Use cases of the backlog."""
