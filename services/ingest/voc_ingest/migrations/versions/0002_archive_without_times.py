"""When a revision occurred and was known stands in its event alone."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("alter table ingest.archive drop column occurred_at, drop column known_at")
