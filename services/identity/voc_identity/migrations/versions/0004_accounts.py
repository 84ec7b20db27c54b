"""A person's account by what different records name, no longer by how often: every record is read anew, which tells of what changed."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0004"
down_revision = "0003"

# Row security is forced on the owner too, who would see none of the rows; it is forced anew afterwards.
_ANEW = """
alter table {schema}.tenant no force row level security;
update {schema}.tenant set rules = rules + 1, rekeyed_to = ''
"""


def upgrade() -> None:
    for statement in create("identity", _ANEW):
        op.execute(statement)
