"""Postgres: engine, transactions, tenancy, outbox, dead letters, migrations."""

from voc_common.postgres.database import Database, DatabaseAway, DataError, Transaction

__all__ = ["DataError", "Database", "DatabaseAway", "Transaction"]
