"""Postgres: engine, transactions, tenancy, outbox, dead letters, migrations."""

from voc_common.postgres.database import (
    AlreadyThere,
    Database,
    DatabaseAway,
    DataError,
    StatementRefused,
    Transaction,
    taken_as_new,
)

__all__ = [
    "AlreadyThere",
    "DataError",
    "Database",
    "DatabaseAway",
    "StatementRefused",
    "Transaction",
    "taken_as_new",
]
