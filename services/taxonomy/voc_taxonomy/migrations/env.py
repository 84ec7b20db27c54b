"""Alembic environment: all of it is shared."""

from alembic import context
from voc_common.postgres.migrations import run_env

run_env(context)
