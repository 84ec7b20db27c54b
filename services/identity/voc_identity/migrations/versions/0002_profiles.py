"""Profiles: records that tell the same of their person, of which one is noted; holders of generic values alone."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0002"
down_revision = "0001"

# The component first: a look-up by tenant and record, planned while the table was empty, must not take this index.
_TABLES = """
alter table {schema}.record
  add column profile bytea not null default '',
  add column manual bool not null default false;
create table {schema}.profile (
  tenant text collate "C" not null,
  hash bytea not null,
  record_id text collate "C" not null,
  primary key (tenant, hash)
);
update {schema}.record as r set manual = true from (
  select distinct named.tenant, named.component from {schema}.edge_record as x
  join {schema}.edge as e on e.tenant = x.tenant and e.edge = x.edge and e.retracted_at is null
  join {schema}.record as named on named.tenant = x.tenant and named.record_id = x.record_id
  where named.component <> ''
) as c where r.tenant = c.tenant and r.component = c.component;
delete from {schema}.holder as h using {schema}.key as k
  where k.tenant = h.tenant and k.hash = h.hash and not k.generic;
drop index {schema}.record_person;
drop index {schema}.record_component;
create index record_component on {schema}.record (component, tenant)
"""


def upgrade() -> None:
    for statement in create("identity", _TABLES):
        op.execute(statement)
