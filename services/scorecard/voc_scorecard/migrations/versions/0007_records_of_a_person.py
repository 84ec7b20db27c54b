"""Records are looked up by their person alone: an index without the day is written at less cost."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        "create index record_person on scorecard.record (tenant, person) where person <> '' and rev_version <> ''"
    )
    op.execute("drop index scorecard.record_person_day")
