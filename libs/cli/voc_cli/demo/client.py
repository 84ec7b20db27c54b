"""The services' APIs as the demo calls them, and the wait until something has come true."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


class Refused(RuntimeError):
    """A service refused a call; the message is its own."""


class Client:
    """One tenant's view of a running installation."""

    def __init__(self, addresses: Mapping[str, str], token: str) -> None:
        self.addresses = addresses
        self.token = token
        self._http = httpx.Client(
            timeout=60,
            trust_env=False,
            follow_redirects=True,
            headers={"Authorization": f"Bearer {token}"},
        )

    def call(self, method: str, service: str, path: str, body: Any = None, **params: Any) -> Any:
        """One call; waits where the service asks for patience. Raises `Refused`."""
        while True:
            answer = self._http.request(
                method, self.addresses[service] + path, json=body, params=params or None
            )
            if answer.status_code not in (429, 503):
                break
            time.sleep(float(answer.headers.get("retry-after", 1)))
        if answer.is_error:
            raise Refused(f"{method} {service} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def get(self, service: str, path: str, **params: Any) -> Any:
        """GET."""
        return self.call("GET", service, path, **params)

    def post(self, service: str, path: str, body: Any = None, **params: Any) -> Any:
        """POST."""
        return self.call("POST", service, path, body if body is not None else {}, **params)


class TooLate(RuntimeError):
    """Something did not come true in time; the message says what."""


def until(
    what: str, look: Callable[[], T | None], tend: Callable[[], None], seconds: float = 600
) -> T:
    """Look again and again until there is an answer; raises `TooLate`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise TooLate(f"{what}: not within {seconds:.0f} s")
        tend()
        time.sleep(0.1)
