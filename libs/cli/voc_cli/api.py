"""Calls of the command line to the services' APIs."""

from typing import Any

import httpx

from voc_cli import deployment
from voc_cli.installation import api_address, keys_file

OPERATOR = "-"
"""The tenant in whose name tenants are created."""


class ApiError(RuntimeError):
    """A service refused or does not answer; the message is its own, or says what to do."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def address(service: str, given: str = "") -> str:
    """Address of a service's api: as given, as the environment says, or of the `voc up` that runs here."""
    found = given.rstrip("/") or api_address(service)
    if not found:
        raise ApiError(
            f"no address of {service}: start `voc up` in this folder, set VOC_URL_{service.upper()}, or give --url"
        )
    return found


def token(tenant: str, *scopes: str, given: str = "", minutes: int = 60) -> str:
    """The token given, else one signed here for this purpose; raises `ApiError` where there is no key."""
    from voc_common import auth  # noqa: PLC0415

    if given:
        return given
    path = keys_file()
    if not path.exists():
        raise ApiError(f"no token, and no key to sign one at {path}: give --token or set VOC_TOKEN")
    return auth.mint(path, tenant, "voc", scopes, seconds=60 * minutes)


def detail(answer: httpx.Response) -> str:
    """What a problem+json answer says, or the start of any other."""
    try:
        said: Any = answer.json()
        return str(said["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text[:200]}"


def call(method: str, url: str, bearer: str, body: Any = None) -> Any:
    """Make one call and return its JSON; raises `ApiError`."""
    headers = {"Authorization": f"Bearer {bearer}"}
    try:
        answer = httpx.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise ApiError(f"{url} does not answer: {error}") from error
    if answer.is_error:
        raise ApiError(detail(answer), answer.status_code)
    return answer.json() if answer.content else None


def create_tenant(name: str, zone: str, url: str, bearer: str, currency: str = "EUR") -> Any:
    """Create a tenant, or say again what it is; raises `ApiError`."""
    return call("PUT", f"{url}/v1/tenants/{name}", bearer, {"zone": zone, "currency": currency})


def all_scopes(tenant: str) -> list[str]:
    """Every scope that a token of the tenant can use; only the operator creates tenants."""
    from voc_common import auth  # noqa: PLC0415

    return [scope for scope in auth.SCOPES if scope != "tenants:admin" or tenant == OPERATOR]


def ensure_tenant(name: str, zone: str, url: str) -> None:
    """Create a tenant unless it is there; its settings stay as they are."""
    try:
        call("GET", f"{url}/v1/tenants/{name}", token(name, "sources:write"))
    except ApiError as error:
        if error.status != 404:
            raise
        create_tenant(name, zone, url, operator_token())


def operator_token() -> str:
    """A token that may create tenants; makes the key first if there is none."""
    deployment.ensure_keys(keys_file())
    return token(OPERATOR, "tenants:admin", "operations")
