"""Records, keys, holders, manual edges."""

from alembic import op
from voc_common.postgres.migrations import COMMON_TABLES, create

revision = "0001"
down_revision = None

TABLES = """
create table {schema}.tenant (
  tenant text collate "C" primary key,
  secret bytea not null,
  version int not null default 0,
  blocked text[] not null default '{}',
  rules int not null default 1,
  rekeyed_rules int not null default 1,
  rekeyed_to text collate "C" not null default ''
);
create table {schema}.record (
  tenant text collate "C" not null,
  record_id text collate "C" not null,
  rev_version text collate "C" not null default '',
  source text not null default '',
  occurred_at bigint not null default 0,
  identifiers bytea not null default '',
  atom bytea not null default '',
  component text collate "C" not null default '',
  person text collate "C" not null default '',
  account text collate "C" not null default '',
  counter bigint not null default 0,
  decided_at bigint not null default 0,
  erased bool not null default false,
  primary key (tenant, record_id)
);
create index record_component on {schema}.record (tenant, component);
create index record_person on {schema}.record (tenant, person) where person <> '';
create table {schema}.key (
  tenant text collate "C" not null,
  hash bytea not null,
  component text collate "C" not null default '',
  generic bool not null default false,
  primary key (tenant, hash)
);
create table {schema}.holder (
  tenant text collate "C" not null,
  hash bytea not null,
  record_id text collate "C" not null,
  primary key (tenant, hash, record_id)
);
create table {schema}.edge (
  tenant text collate "C" not null,
  edge bigint generated always as identity,
  kind text not null check (kind in ('must', 'cut')),
  left_records text[] not null,
  right_records text[] not null,
  reason text not null default '',
  made_by text not null,
  made_at timestamptz not null default now(),
  retracted_by text,
  retracted_at timestamptz,
  primary key (tenant, edge)
);
create table {schema}.edge_record (
  tenant text collate "C" not null,
  record_id text collate "C" not null,
  edge bigint not null,
  primary key (tenant, record_id, edge)
)
"""


def upgrade() -> None:
    for statement in create("identity", COMMON_TABLES) + create("identity", TABLES):
        op.execute(statement)
