"""How many partitions a history load was closed on: topics may have grown since."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("alter table scorecard.load_mark add column partitions int not null default 0")
