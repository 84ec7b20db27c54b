"""Hot issues: how far each tenant's buckets are judged, the alarms, the issues, people's verdicts."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0002"
down_revision = "0001"

_TABLES = """
create table {schema}.watch (
  tenant text collate "C" primary key,
  judged int,
  dirty_from int,
  marks bigint not null default 0
);
create table {schema}.alarm (
  tenant text collate "C" not null,
  bucket int not null,
  cell text collate "C" not null,
  alarm bytea not null,
  primary key (tenant, bucket, cell)
);
create table {schema}.hot_issue (
  tenant text collate "C" not null,
  issue text collate "C" not null,
  version int not null,
  state text not null,
  cause text not null,
  stage text not null,
  product text not null,
  segment text not null,
  onset bigint not null,
  detected_at bigint not null,
  seen_at bigint not null,
  changed_at bigint not null,
  people int not null,
  expected real not null,
  p_real real not null,
  evidence jsonb not null,
  primary key (tenant, issue)
);
create index hot_issue_open on {schema}.hot_issue (tenant, detected_at desc, issue);
create table {schema}.verdict (
  tenant text collate "C" not null,
  issue text collate "C" not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  verdict text not null check (verdict in ('real', 'known', 'noise', 'wrong cause')),
  note text not null default '',
  primary key (tenant, issue, made_by)
)
"""


def upgrade() -> None:
    for statement in create("scorecard", _TABLES):
        op.execute(statement)
