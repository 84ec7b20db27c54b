"""The caller of a request as a FastAPI dependency."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from voc_common.auth import Principal

_bearer = HTTPBearer(
    auto_error=False, description="A token of `voc token`, or of your OIDC provider"
)


def caller(*scopes: str) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that gives the caller, who must hold all these scopes: `Depends(caller("feedback:write"))`."""

    async def dependency(
        request: Request, _: Annotated[object, Depends(_bearer)] = None
    ) -> Principal:
        principal = await request.app.state.voc.verifier.principal(
            request.headers.get("authorization")
        )
        principal.require(*scopes)
        return principal

    return dependency
