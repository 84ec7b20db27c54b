"""Many keys of few tenants: those of each are found by one walk along an index, page by page, not one by one."""

from collections.abc import Iterable

from voc_common.postgres.arrays import split, texts

KEYS = "unnest(cast(:tenants as text[]), cast(:names as text[])) as x(tenant, names)"
"""A row for each tenant; its parameters are made by `by_tenant`."""
NAMES = split("x.names")
"""The names of such a row."""


def by_tenant(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Keys (tenant, name) as the parameters of `KEYS`, in their order."""
    found: dict[str, list[str]] = {}
    for tenant, name in keys:
        found.setdefault(tenant, []).append(name)
    return {"tenants": list(found), "names": [texts(names) for names in found.values()]}
