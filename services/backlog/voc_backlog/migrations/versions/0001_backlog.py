"""Issues, items, their trail, flags, routes, and the ground they are judged by."""

from alembic import op
from voc_common.postgres.migrations import COMMON_TABLES, create

revision = "0001"
down_revision = None

TABLES = """
create table {schema}.tenant (
  tenant text collate "C" primary key,
  settings_version bigint not null default 0,
  currency text not null default 'EUR',
  settings jsonb not null default '{}',
  taxonomy_version bigint not null default 0,
  published_at bigint not null default 0,
  nodes jsonb not null default '[]'
);
create table {schema}.route_set (
  tenant text collate "C" not null,
  version bigint not null,
  routes jsonb not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, version)
);
create table {schema}.subject (
  tenant text collate "C" not null,
  cause text collate "C" not null,
  stage text collate "C" not null,
  product text collate "C" not null,
  primary key (tenant, cause, stage, product)
);
create table {schema}.issue (
  tenant text collate "C" not null,
  issue text collate "C" not null,
  cause text collate "C" not null,
  stage text collate "C" not null,
  product text collate "C" not null,
  first_version bigint not null,
  version bigint not null,
  state text not null,
  onset bigint not null,
  detected_at bigint not null,
  changed_at bigint not null,
  people int not null,
  expected float8 not null,
  p_real float8 not null,
  people_peak int not null,
  p_real_peak float8 not null,
  fired_at bigint not null,
  evidence jsonb not null,
  item text collate "C" not null default '',
  pinned bool not null default false,
  primary key (tenant, issue)
);
create index issue_subject on {schema}.issue (tenant, cause, stage, product);
create index issue_item on {schema}.issue (tenant, item) where item <> '';
create table {schema}.item (
  tenant text collate "C" not null,
  item text collate "C" not null,
  cause text collate "C" not null,
  stage text collate "C" not null,
  product text collate "C" not null,
  ordinal int not null,
  version bigint not null,
  decided bigint not null,
  said text not null,
  said_at bigint not null,
  acted_at bigint not null,
  until bigint not null,
  verification text not null,
  named text not null,
  assigned text not null,
  effort float8 not null,
  due_at bigint not null,
  rework int not null,
  flags int not null,
  told jsonb not null,
  state text not null,
  title text not null,
  owner text collate "C" not null check (owner <> ''),
  owner_from text not null,
  priority float8 not null,
  currency text not null,
  weights_version bigint not null,
  terms jsonb not null,
  nps float8,
  people bigint not null,
  issues text[] not null,
  detected_at bigint not null,
  changed_at bigint not null,
  created_at timestamptz not null default now(),
  primary key (tenant, item),
  unique (tenant, cause, stage, product, ordinal)
);
create unique index item_open on {schema}.item (tenant, cause, stage, product)
  where state not in ('closed', 'declined', 'retired');
create index item_rank on {schema}.item (tenant, priority desc, item);
create table {schema}.flag (
  tenant text collate "C" not null,
  item text collate "C" not null,
  flag bigint generated always as identity,
  note text not null,
  told jsonb not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, item, flag)
);
create table {schema}.trail (
  tenant text collate "C" not null,
  item text collate "C" not null,
  version bigint not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  from_state text not null,
  to_state text not null,
  why text not null,
  changes jsonb not null,
  primary key (tenant, item, version)
)
"""

# One statement: `create` parts a script at the ends of lines.
KEEP_TRAIL = """
create function backlog.keep_trail() returns trigger language plpgsql as
'begin raise exception ''the trail of an item is only added to'' using errcode = ''42501''; end'
"""
TRAIL_IS_KEPT = """
create trigger trail_is_kept before update or delete or truncate on backlog.trail
for each statement execute function backlog.keep_trail()
"""


def upgrade() -> None:
    for statement in create("backlog", COMMON_TABLES) + create("backlog", TABLES):
        op.execute(statement)
    op.execute(KEEP_TRAIL)
    op.execute(TRAIL_IS_KEPT)
