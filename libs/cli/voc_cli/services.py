"""Which services there are, and what of each is in this code."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

SERVICES = ("ingest", "identity", "taxonomy", "scorecard", "backlog")
"""In the order in which an event meets them; migrations run in it too."""

Role = Literal["api", "worker"]

_MODULE: dict[Role, str] = {"api": "api", "worker": "consumer"}


class UnknownService(ValueError):
    """There is no such service, or it has no such part; the message says which there are."""


def check(service: str) -> str:
    """Return the name of a service; raises `UnknownService`."""
    if service not in SERVICES:
        raise UnknownService(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    return service


def roles(service: str) -> list[Role]:
    """What of a service this code can run."""
    package = f"voc_{check(service)}"
    if find_spec(package) is None:
        return []
    return [role for role, module in _MODULE.items() if find_spec(f"{package}.{module}")]


def module(service: str, role: Role) -> str:
    """Name of the module that makes a service's api or worker; raises `UnknownService`."""
    if role not in roles(service):
        raise UnknownService(f"{service} has no {role} in this code")
    return f"voc_{service}.{_MODULE[role]}"


def migrated() -> list[str]:
    """The services that own a schema."""
    return [s for s in SERVICES if (_folder(s) / "migrations" / "env.py").exists()]


def _folder(service: str) -> Path:
    spec = find_spec(f"voc_{service}")
    return Path(spec.origin).parent if spec and spec.origin else Path()


def consumed(service: str) -> list[type[Any]]:
    """The types of event that a service consumes; loads its code, not its models. Raises `UnknownService`."""
    found = getattr(importlib.import_module(module(service, "worker")), "SUBSCRIPTIONS", None)
    if found is None:
        raise UnknownService(f"voc_{service}.consumer has no SUBSCRIPTIONS")
    return list(getattr(found, "handlers", found))


def topics(service: str) -> list[str]:
    """The topics a service reads, both lanes, without namespace."""
    from voc_common.wire import topic  # noqa: PLC0415

    return sorted({topic(kind, lane) for kind in consumed(service) for lane in ("live", "bulk")})
