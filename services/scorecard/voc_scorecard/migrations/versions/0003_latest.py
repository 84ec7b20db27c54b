"""Where a person was last, with its last answers: unknown of persons counted before, found when they come again."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0003"
down_revision = "0002"

_TABLES = """
alter table {schema}.person drop column latest;
alter table {schema}.person add column latest text;
drop index {schema}.record_scored
"""


def upgrade() -> None:
    for statement in create("scorecard", _TABLES):
        op.execute(statement)
