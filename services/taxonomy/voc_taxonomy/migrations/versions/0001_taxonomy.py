"""Records with their decisions, taxonomies, models, corrections."""

from alembic import op
from voc_common.postgres.migrations import COMMON_TABLES, create

revision = "0001"
down_revision = None

TABLES = """
create table {schema}.record (
  tenant text collate "C" not null,
  record_id text collate "C" not null,
  rev_version text collate "C" not null default '',
  revision bytea not null default '',
  text text not null default '',
  text_hash bytea not null default '',
  att_version text collate "C" not null default '',
  attribution bytea not null default '',
  dec_version text collate "C" not null default '',
  decision bytea not null default '',
  erased bool not null default false,
  primary key (tenant, record_id)
);
create table {schema}.taxonomy (
  tenant text collate "C" not null,
  version int not null,
  document bytea not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  published_at timestamptz,
  published_by text,
  primary key (tenant, version)
);
create table {schema}.model (
  tenant text collate "C" not null,
  sequence int not null,
  model text collate "C" not null,
  taxonomy int not null,
  artifact bytea not null,
  report jsonb not null default '{}',
  made_by text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, sequence)
);
create table {schema}.active (
  tenant text collate "C" primary key,
  sequence int not null,
  since timestamptz not null default now(),
  set_by text not null
);
create table {schema}.correction (
  tenant text collate "C" not null,
  record_id text collate "C" not null,
  sequence bigint generated always as identity,
  text_hash bytea not null,
  causes text[] not null,
  reason text not null default '',
  made_by text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, record_id, sequence)
);
create index correction_sequence on {schema}.correction (tenant, sequence desc)
"""


def upgrade() -> None:
    for statement in create("taxonomy", COMMON_TABLES) + create("taxonomy", TABLES):
        op.execute(statement)
