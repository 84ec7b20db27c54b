"""Tenants: the rules their identifiers are read by, and the generation of the schema."""

import secrets
from collections.abc import Collection, Sequence

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_identity.repository.shapes import COLUMNS, Row, row


class Rules(Struct, frozen=True, gc=False, kw_only=True):
    """What a tenant's identifiers are read by, and the schema's generation."""

    secret: bytes
    blocked: tuple[str, ...]
    rules: int
    generation: int = 1


async def generation(tx: Transaction) -> int:
    """The schema's generation; it is raised when a backup is restored."""
    found = await tx.row("select value from identity.generation")
    return found.value if found else 1


async def rules(tx: Transaction, tenants: Collection[str]) -> dict[str, Rules]:
    """The rules of these tenants, held still until the end of the transaction.

    The share lock lets a change of the rules wait for this transaction, so that re-keying, which begins
    after the change, sees every record that was read by the former rules.
    """
    names = sorted(set(tenants))
    found = await _rules(tx, names)
    missing = [n for n in names if n not in found]
    if missing:
        await tx.run(
            "insert into identity.tenant (tenant, secret) select * from "
            "unnest(cast(:tenants as text[]), cast(:secrets as bytea[])) on conflict do nothing",
            tenants=missing,
            secrets=[secrets.token_bytes(32) for _ in missing],
        )
        found = await _rules(tx, names)
    return found


async def _rules(tx: Transaction, names: list[str]) -> dict[str, Rules]:
    rows = await tx.rows(
        "select tenant, secret, blocked, rules, "
        "(select value from identity.generation) as generation from identity.tenant "
        "where tenant = any(cast(:names as text[])) order by tenant for key share",
        names=names,
    )
    return {
        r.tenant: Rules(
            secret=r.secret,
            blocked=tuple(r.blocked),
            rules=r.rules,
            generation=r.generation or 1,
        )
        for r in rows
    }


async def configure(tx: Transaction, tenant: str, version: int, blocked: Sequence[str]) -> bool:
    """Take over a tenant's settings if they are newer; True if the rules of reading changed."""
    await rules(tx, [tenant])
    await tx.rows("select 1 from identity.tenant where tenant = :tenant for update", tenant=tenant)
    found = await tx.row(
        "update identity.tenant set version = :version, blocked = cast(:blocked as text[]), "
        "rules = rules + case when blocked = cast(:blocked as text[]) then 0 else 1 end, "
        "rekeyed_to = case when blocked = cast(:blocked as text[]) then rekeyed_to else '' end "
        "where tenant = :tenant and version < :version returning old.rules <> new.rules as changed",
        tenant=tenant,
        version=version,
        blocked=sorted(set(blocked)),
    )
    return bool(found and found.changed)


async def next_to_reread(tx: Transaction, limit: int) -> tuple[str, list[Row]] | None:
    """The next records of a tenant whose rules changed, the tenant locked for this worker."""
    due = await tx.row(
        "select tenant, rekeyed_to from identity.tenant where rekeyed_rules < rules "
        "order by tenant limit 1 for no key update skip locked"
    )
    if due is None:
        return None
    found = await tx.rows(
        f"select {COLUMNS} from identity.record where tenant = :tenant and record_id > :after "
        "and not erased and rev_version <> '' order by record_id limit :limit",
        tenant=due.tenant,
        after=due.rekeyed_to,
        limit=limit,
    )
    return due.tenant, [row(r) for r in found]


async def reread_until(tx: Transaction, tenant: str, rules: int, record_id: str) -> None:
    """Note how far re-reading has come; without a record it is done."""
    await tx.run(
        "update identity.tenant set rekeyed_to = :record_id, "
        "rekeyed_rules = case when :record_id = '' then :rules else rekeyed_rules end where tenant = :tenant",
        tenant=tenant,
        rules=rules,
        record_id=record_id,
    )
