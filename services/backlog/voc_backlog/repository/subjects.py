"""What items are about: the rows that whoever files, judges or acts on them locks first."""

from collections.abc import Collection, Iterable

from voc_common.postgres import Transaction

from voc_backlog.domain.issues import Subject

WANTED = (
    "unnest(cast(:tenants as text[]), cast(:causes as text[]), cast(:stages as text[]), "
    "cast(:products as text[])) as w(tenant, cause, stage, product)"
)
"""Subjects as a table `w`, filled by `wanted`."""
IS_WANTED = "(x.tenant, x.cause, x.stage, x.product) = (w.tenant, w.cause, w.stage, w.product)"


def wanted(subjects: Iterable[Subject]) -> dict[str, list[str]]:
    """The values of `WANTED`, sorted."""
    ordered = sorted(set(subjects))
    return {
        "tenants": [s[0] for s in ordered],
        "causes": [s[1] for s in ordered],
        "stages": [s[2] for s in ordered],
        "products": [s[3] for s in ordered],
    }


async def lock(tx: Transaction, subjects: Collection[Subject]) -> None:
    """Take the row of each subject, sorted: who files, judges or acts on its items is alone with them.

    What is read of a subject must be read after this, in a new statement: its snapshot then holds what
    the one before us committed.
    """
    found = wanted(subjects)
    await tx.run(
        f"insert into backlog.subject (tenant, cause, stage, product) select * from {WANTED} "
        "order by tenant, cause, stage, product on conflict do nothing",
        **found,
    )
    await tx.rows(
        f"select 1 from backlog.subject as x join {WANTED} on {IS_WANTED} "
        "order by x.tenant, x.cause, x.stage, x.product for no key update of x",
        **found,
    )


async def of_tenants(tx: Transaction, tenants: Collection[str]) -> set[Subject]:
    """Everything that these tenants' issues and items are about."""
    rows = await tx.rows(
        "select tenant, cause, stage, product from backlog.subject "
        "where tenant = any(cast(:names as text[]))",
        names=sorted(set(tenants)),
    )
    return {(r.tenant, r.cause, r.stage, r.product) for r in rows}
