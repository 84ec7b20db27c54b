"""When a record first reached voc names its person: of records that are there it is when their revision came; all are read anew."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0006"
down_revision = "0005"

# Row security is forced on the owner too, who would see none of the rows; it is forced anew afterwards.
_FIRST = """
alter table {schema}.record no force row level security;
alter table {schema}.tenant no force row level security;
alter table {schema}.record add column first_at bigint not null default 0;
update {schema}.record set first_at = cast(cast('x' || substr(rev_version, 17, 16) as bit(64)) as bigint)
  where rev_version <> '';
update {schema}.tenant set rules = rules + 1, rekeyed_to = ''
"""


def upgrade() -> None:
    for statement in create("identity", _FIRST):
        op.execute(statement)
