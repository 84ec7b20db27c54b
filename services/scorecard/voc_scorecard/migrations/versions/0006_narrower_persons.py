"""Where persons were last is MessagePack, without what follows of the rest; it is found anew when they come again."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("alter table scorecard.person drop column latest")
    op.execute("alter table scorecard.person add column latest bytea")
