"""What a batch counts for the detector is one row a bucket, folded into the counts of each cell soon after."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0008"
down_revision = "0007"

_TABLES = """
create table {schema}.pulse_told (
  tenant text collate "C" not null,
  bucket int not null,
  cells text[] collate "C" not null,
  people int[] not null
);
create index pulse_told_bucket on {schema}.pulse_told (tenant, bucket)
"""


def upgrade() -> None:
    for statement in create("scorecard", _TABLES):
        op.execute(statement)
