"""Counters are kept by bucket, not by cell: a scorecard reads the same few buckets of all cells, a batch counts into them."""

from alembic import op

revision = "0009"
down_revision = "0008"

_KEYS = {
    "volume": "tenant, grain, bucket, cell, shard",
    "score": "tenant, grain, bucket, cell, metric, shard",
}


def upgrade() -> None:
    for table, key in _KEYS.items():
        op.execute(
            f"alter table scorecard.{table} drop constraint {table}_pkey, add primary key ({key})"
        )
