"""When a record first reached voc: 0 for one that has come once, else it is kept when it comes again."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("alter table ingest.record add column first_at bigint not null default 0")
