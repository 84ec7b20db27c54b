"""Records of a component by profile: those that a speaker takes along are found without reading all of its component."""

from alembic import op
from voc_common.postgres.migrations import create

revision = "0005"
down_revision = "0004"

# The component first, as before: a look-up by tenant and record must not take this index.
_INDEX = """
drop index {schema}.record_component;
create index record_component on {schema}.record (component, tenant, profile)
"""


def upgrade() -> None:
    for statement in create("identity", _INDEX):
        op.execute(statement)
