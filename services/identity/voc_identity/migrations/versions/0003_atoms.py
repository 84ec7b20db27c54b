"""What is stored of a record no longer repeats its id. And what 0002 meant to carry over, without seeing a row of it."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0003"
down_revision = "0002"

# Row security is forced on the owner too, who would see none of the rows; it is forced anew afterwards.
_SEEN = """
alter table {schema}.record no force row level security;
alter table {schema}.key no force row level security;
alter table {schema}.holder no force row level security;
alter table {schema}.edge no force row level security;
alter table {schema}.edge_record no force row level security
"""
_MANUAL = """
update {schema}.record as r set manual = true from (
  select distinct named.tenant, named.component from {schema}.edge_record as x
  join {schema}.edge as e on e.tenant = x.tenant and e.edge = x.edge and e.retracted_at is null
  join {schema}.record as named on named.tenant = x.tenant and named.record_id = x.record_id
  where named.component <> ''
) as c where r.tenant = c.tenant and r.component = c.component and not r.manual;
delete from {schema}.holder as h using {schema}.key as k
  where k.tenant = h.tenant and k.hash = h.hash and not k.generic
"""
# An array of five whose first is a string of 32 characters becomes an array of the other four.
_ATOMS = """
update {schema}.record set atom = '\\x94'::bytea || substr(atom, 36) where substr(atom, 1, 3) = '\\x95d920'::bytea
"""


def upgrade() -> None:
    for script in (_SEEN, _MANUAL, _ATOMS):
        for statement in create("identity", script):
            op.execute(statement)
