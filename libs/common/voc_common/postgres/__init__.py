"""Postgres: engine, transactions, tenancy, outbox, dead letters, migrations."""

from voc_common.postgres.database import (
    Database,
    DatabaseAway,
    DataError,
    StatementRefused,
    Transaction,
)

__all__ = ["DataError", "Database", "DatabaseAway", "StatementRefused", "Transaction"]
