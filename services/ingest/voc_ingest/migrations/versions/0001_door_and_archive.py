from alembic import op
from voc_common.postgres.migrations import COMMON_TABLES, create

revision = "0001"
down_revision = None

TABLES = """
create table {schema}.tenant (
  tenant text collate "C" primary key,
  zone text not null,
  currency text not null,
  blocked text[] not null,
  settings jsonb not null,
  version int not null,
  secret bytea not null check (octet_length(secret) = 32),
  has_records bool not null default false,
  changed_at timestamptz not null default now()
);
create table {schema}.source (
  tenant text collate "C" not null references {schema}.tenant,
  source text collate "C" not null,
  settings jsonb not null,
  version int not null,
  changed_at timestamptz not null default now(),
  primary key (tenant, source)
);
create table {schema}.source_count (
  tenant text collate "C" not null,
  source text collate "C" not null,
  shard smallint not null,
  accepted bigint not null,
  unchanged bigint not null,
  last_seen bigint not null,
  primary key (tenant, source, shard)
);
create table {schema}.record (
  tenant text collate "C" not null,
  record_id text collate "C" not null,
  revision text collate "C" not null,
  received_at bigint not null,
  erased bool not null default false,
  primary key (tenant, record_id)
);
create table {schema}.archive (
  tenant text collate "C" not null,
  received_at bigint not null,
  record_id text collate "C" not null,
  revision text collate "C" not null,
  occurred_at bigint not null,
  known_at bigint not null,
  source text collate "C" not null,
  event_kind text collate "C" not null,
  lane text collate "C" not null,
  load text collate "C" not null,
  event bytea not null,
  primary key (tenant, received_at, record_id)
) partition by range (received_at);
create index on {schema}.archive (tenant, record_id);
create table {schema}.pending (
  id bigint generated always as identity primary key,
  tenant text collate "C" not null,
  lane text collate "C" not null,
  load text collate "C" not null,
  receipts bigint[] not null,
  known_at bigint not null,
  traceparent text not null,
  created_at timestamptz not null default now()
);
alter table {schema}.pending alter column receipts set storage external;
create index on {schema}.pending (tenant, load) where load <> '';
create table {schema}.load (
  tenant text collate "C" not null,
  load text collate "C" not null,
  source text collate "C" not null,
  history bool not null,
  state text not null default 'open' check (state in ('open', 'complete', 'closed')),
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  primary key (tenant, load)
);
create index on {schema}.load (state) where state = 'complete';
create table {schema}.load_count (
  tenant text collate "C" not null,
  load text collate "C" not null,
  shard smallint not null,
  accepted bigint not null,
  unchanged bigint not null,
  since bigint not null,
  through bigint not null,
  primary key (tenant, load, shard)
);
create table {schema}.replay (
  tenant text collate "C" not null,
  replay text collate "C" not null,
  since bigint not null,
  until bigint not null,
  source text collate "C" not null,
  state text not null default 'running' check (state in ('running', 'done')),
  published bigint not null default 0,
  at_received bigint not null,
  at_record text collate "C" not null default '',
  served_at timestamptz not null default '-infinity',
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (tenant, replay)
);
create index on {schema}.replay (served_at) where state = 'running';
create table {schema}.rhythm (
  name text primary key,
  due_at timestamptz not null default '-infinity'
);
insert into {schema}.rhythm (name) values ('tick'), ('keep')
"""

# Runs with the owner's rights: neither the api nor the worker may change tables.
ENSURE_ARCHIVE = """
create function {schema}.ensure_archive(at bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  month timestamp = date_trunc('month', timestamp 'epoch' + (at / 1000000) * interval '1 second');
  name text = 'archive_' || to_char(month, 'YYYYMM');
begin
  if abs(extract(epoch from now()) - at / 1000000) > 400 * 86400 then
    raise exception 'no archive so far from now' using errcode = '22023';
  end if;
  if to_regclass('{schema}.' || name) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('{schema}.archive'));
  if to_regclass('{schema}.' || name) is not null then
    return;
  end if;
  -- Made apart and then attached: "create table partition of" would lock out the door meanwhile.
  execute format('create table {schema}.%I (like {schema}.archive)', name);
  execute format(
    'alter table {schema}.archive attach partition {schema}.%I for values from (%s) to (%s)', name,
    (extract(epoch from month) * 1000000)::bigint,
    (extract(epoch from month + interval '1 month') * 1000000)::bigint);
end $$
"""

# Only the worker sees all tenants' rows, so only it can know that a month is empty.
DROP_ARCHIVE = """
create function {schema}.drop_archive(at bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  month timestamp = date_trunc('month', timestamp 'epoch' + (at / 1000000) * interval '1 second');
  name text = 'archive_' || to_char(month, 'YYYYMM');
begin
  if current_setting('role') !~ 'ingest_worker$' or month > now() - interval '62 days' then
    raise exception 'not allowed' using errcode = '42501';
  end if;
  -- The door's inserts queue behind this lock: rather try again in an hour than make them wait.
  perform set_config('lock_timeout', '300ms', true);
  execute format('drop table if exists {schema}.%I', name);
end $$
"""


def upgrade() -> None:
    for statement in create("ingest", COMMON_TABLES + ";\n" + TABLES):
        op.execute(statement)
    for function in (ENSURE_ARCHIVE, DROP_ARCHIVE):
        op.execute(function.replace("{schema}", "ingest"))
