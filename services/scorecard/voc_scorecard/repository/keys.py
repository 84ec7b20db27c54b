"""Many keys of few tenants: those of each are found by one walk along an index, page by page, not one by one."""

from collections.abc import Iterable

from voc_common.postgres.arrays import texts

KEYS = "unnest(cast(:tenants as text[]), cast(:names as text[])) as x(tenant, names)"
"""A row for each tenant; its parameters are made by `by_tenant`."""
NAMES = "(string_to_array(x.names, chr(ascii(x.names)), chr(ascii(x.names) + 1)))[3:]"
"""The names of such a row."""


def by_tenant(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Sorted keys (tenant, name) as the parameters of `KEYS`."""
    found: dict[str, list[str]] = {}
    for tenant, name in keys:
        found.setdefault(tenant, []).append(name)
    return {"tenants": list(found), "names": [texts(names) for names in found.values()]}
