"""Joined record states, counters, journal, and what other services say about causes, tenants and items."""

from alembic import op
from voc_common.postgres.migrations import COMMON_TABLES, create

revision = "0001"
down_revision = None

_KEY = 'tenant text collate "C" not null'

_TABLES = f"""
create table {{schema}}.record (
  {_KEY},
  record_id text collate "C" not null,
  erased bool not null default false,
  counted_at bigint not null default 0,
  rev_version text collate "C" not null default '',
  occurred_at bigint not null default 0,
  known_at bigint not null default 0,
  local_day int not null default 0,
  source text not null default '',
  kind text not null default '',
  stakeholder text not null default '',
  channel text not null default '',
  product text not null default '',
  segment text not null default '',
  team text not null default '',
  suspect bool not null default false,
  score jsonb,
  mrr double precision,
  currency text,
  att_version text collate "C" not null default '',
  person text collate "C" not null default '',
  account text collate "C" not null default '',
  dec_version text collate "C" not null default '',
  causes jsonb,
  stage text not null default '',
  severity real not null default 0,
  sentiment real not null default 0,
  model text not null default '',
  taxonomy int not null default 0,
  primary key (tenant, record_id)
);
create index record_person_day on {{schema}}.record (tenant, person, local_day)
  where person <> '' and rev_version <> '';
create index record_scored on {{schema}}.record (tenant, person)
  where score is not null and person <> '' and rev_version <> '';
create index record_time on {{schema}}.record (tenant, occurred_at, record_id) where rev_version <> '';
create index record_counted on {{schema}}.record using brin (counted_at);
create table {{schema}}.person (
  {_KEY},
  person text collate "C" not null,
  latest text not null default '',
  primary key (tenant, person)
) with (fillfactor = 70);
create table {{schema}}.volume (
  {_KEY},
  cell text collate "C" not null,
  grain smallint not null,
  bucket int not null,
  shard smallint not null,
  records int not null,
  people int not null,
  singles int not null,
  primary key (tenant, cell, grain, bucket, shard)
) with (fillfactor = 70);
create table {{schema}}.pulse (
  {_KEY},
  cell text collate "C" not null,
  bucket int not null,
  shard smallint not null,
  people int not null,
  primary key (tenant, bucket, cell, shard)
) with (fillfactor = 70);
create table {{schema}}.score (
  {_KEY},
  cell text collate "C" not null,
  metric text collate "C" not null,
  grain smallint not null,
  bucket int not null,
  shard smallint not null,
  n int not null,
  promoters int not null,
  detractors int not null,
  singles int not null,
  primary key (tenant, cell, metric, grain, bucket, shard)
) with (fillfactor = 70);
create table {{schema}}.replaced (
  {_KEY},
  cell text collate "C" not null,
  metric text collate "C" not null,
  within smallint not null,
  grain smallint not null,
  bucket int not null,
  shard smallint not null,
  began_n int not null,
  began_promoters int not null,
  began_detractors int not null,
  ended_n int not null,
  ended_promoters int not null,
  ended_detractors int not null,
  primary key (tenant, cell, metric, within, grain, bucket, shard)
) with (fillfactor = 70);
create table {{schema}}.again (
  {_KEY},
  cell text collate "C" not null,
  within smallint not null,
  grain smallint not null,
  bucket int not null,
  shard smallint not null,
  began int not null,
  ended int not null,
  primary key (tenant, cell, within, grain, bucket, shard)
) with (fillfactor = 70);
create table {{schema}}.journal (
  id bigint generated always as identity primary key,
  {_KEY},
  record_id text collate "C" not null,
  reason text not null,
  recorded_at bigint not null,
  happened_at bigint not null,
  old jsonb,
  new jsonb
);
create index journal_recorded on {{schema}}.journal (tenant, recorded_at);
create index journal_record on {{schema}}.journal (tenant, record_id);
create index journal_happened on {{schema}}.journal (tenant, happened_at, reason, recorded_at);
create table {{schema}}.rebuilt (
  {_KEY} primary key,
  at bigint not null
);
create table {{schema}}.tenant_settings (
  {_KEY} primary key,
  version int not null,
  zone text not null,
  currency text not null,
  settings jsonb not null
);
create table {{schema}}.taxonomy (
  {_KEY} primary key,
  version int not null
);
create table {{schema}}.cause (
  {_KEY},
  cause text collate "C" not null,
  version int not null,
  name text not null,
  parent text not null,
  stages jsonb not null,
  kind text not null,
  owner text not null,
  primary key (tenant, cause)
);
create table {{schema}}.item_ref (
  {_KEY},
  item text collate "C" not null,
  version bigint not null,
  state jsonb not null,
  primary key (tenant, item)
);
create table {{schema}}.watermark (
  topic text collate "C" not null,
  partition int not null,
  through bigint not null,
  primary key (topic, partition)
);
create table {{schema}}.load_mark (
  {_KEY},
  load text collate "C" not null,
  topic text collate "C" not null,
  partition int not null,
  since bigint not null,
  through bigint not null,
  primary key (tenant, load, topic, partition)
)
"""


def upgrade() -> None:
    for statement in create("scorecard", COMMON_TABLES) + create("scorecard", _TABLES):
        op.execute(statement)
