"""Where a person was last (unknown of those counted before, found when they come again); shards not yet gathered."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0003"
down_revision = "0002"

_TABLES = """
alter table {schema}.person drop column latest;
alter table {schema}.person add column latest text;
drop index {schema}.record_scored;
create index volume_loose on {schema}.volume (grain, bucket) where shard >= 0;
create index pulse_loose on {schema}.pulse (bucket) where shard >= 0;
create index score_loose on {schema}.score (grain, bucket) where shard >= 0;
create index replaced_loose on {schema}.replaced (grain, bucket) where shard >= 0;
create index again_loose on {schema}.again (grain, bucket) where shard >= 0
"""


def upgrade() -> None:
    for statement in create("scorecard", _TABLES):
        op.execute(statement)
