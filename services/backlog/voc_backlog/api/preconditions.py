"""Optimistic concurrency: who changes something says which version of it they have seen."""

import re
from typing import Annotated, Any

from fastapi import Header
from msgspec import Struct
from pydantic import Field
from voc_common.http import Problem

_TAG = re.compile(r'\s*(?:"(\d{1,18})"|(\d{1,18}))\s*', re.ASCII)

IfMatch = Annotated[
    str | None,
    Header(
        alias="if-match", max_length=100, description='the version you have seen, such as `"3"`'
    ),
]
Version = Annotated[
    int | None,
    Field(ge=0, le=10**18, description="the version you have seen, if not in If-Match"),
]


class Seen(Struct, frozen=True):
    """The version that a caller has seen, and the status that says it is no longer so."""

    version: int
    status: int

    def conflict(self, error: Exception, current: Any) -> Problem:
        """The answer when somebody was faster; `current` shows what is there now."""
        detail = f"{error}; look at it and try again"
        return Problem(self.status, detail, current=current)


def seen(if_match: str | None, version: int | None) -> Seen:
    """The version by header or body; raises `Problem` if there is none or the two differ."""
    if if_match is None:
        if version is None:
            detail = (
                "say which version you have seen: the header If-Match, or `version` in the body"
            )
            raise Problem(428, detail)
        return Seen(version, 409)
    found = _TAG.fullmatch(if_match)
    if found is None:
        raise Problem(400, 'If-Match must be one version, such as "3"')
    tagged = int(found.group(1) or found.group(2))
    if version is not None and version != tagged:
        raise Problem(400, "If-Match and `version` in the body say different things")
    return Seen(tagged, 412)


def etag(version: int) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}
