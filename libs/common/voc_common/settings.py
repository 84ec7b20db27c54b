"""Settings from the environment, frozen; each service extends `Settings` with its own."""

import os
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

S = TypeVar("S", bound="Settings")


class SettingsError(ValueError):
    """A setting is missing or not of its type; the message names the variable."""


class Settings(Struct, frozen=True, kw_only=True):
    """What every service needs. A field `x_y` is read from `VOC_X_Y`, else from `X_Y`.

    `namespace` prefixes topics, consumer groups and roles, so that installations can share servers.
    `dead_letter_days` must be less than the time within which an erasure has to be done: dead letters are
    bytes that could not be read, so an erasure cannot find its records among them.
    """

    database_url: str
    kafka_bootstrap_servers: str
    namespace: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int = 0
    pool_api: int = 5
    pool_worker: int = 2
    batch: int = 1000
    linger_ms: int = 5
    session_timeout_ms: int = 10_000
    drain_seconds: float = 25.0
    stuck_seconds: float = 60.0
    poison_share: float = 0.5
    dead_letter_days: float = 25.0
    auth_issuers: str = ""
    auth_audience: str = "voc"
    auth_role_claim: str = "roles"
    auth_revoked: str = ""
    auth_keys_file: str = ""
    otel_endpoint: str = ""
    region: str = "US"


def load(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read settings; raises `SettingsError` naming the variable that is missing or wrong."""
    env = os.environ if environ is None else environ
    values: dict[str, str] = {}
    for field in kind.__struct_fields__:
        for name in (f"VOC_{field.upper()}", field.upper()):
            if env.get(name):
                values[field] = env[name]
                break
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"setting in the environment: {error}") from error
