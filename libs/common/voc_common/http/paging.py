"""Keyset pagination: an opaque cursor instead of an offset, so that no row is missed or seen twice."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, Field

from voc_common.http.problems import Problem

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is the `cursor` of the following page, absent on the last."""

    items: list[T]
    next: str | None = Field(default=None, description="pass as `cursor` for the next page")


def cursor(*keys: Any) -> str:
    """A cursor behind the row with these sort keys."""
    return urlsafe_b64encode(msgspec.json.encode(keys)).rstrip(b"=").decode()


def read_cursor(value: str | None, *defaults: Any) -> list[Any]:
    """The sort keys of a cursor, or the defaults; each must have the type of its default."""
    if not value:
        return list(defaults)
    try:
        raw = urlsafe_b64decode(value + "=" * (-len(value) % 4))
        keys = msgspec.json.decode(raw, type=list[Any])
    except (ValueError, RecursionError) as error:
        raise Problem(400, "the cursor is not one of ours; begin without it") from error
    fits = len(keys) == len(defaults)
    if not fits or any(type(k) is not type(d) for k, d in zip(keys, defaults, strict=True)):
        raise Problem(400, "the cursor is not one of ours; begin without it")
    if any(isinstance(k, str) and "\x00" in k for k in keys):
        raise Problem(400, "the cursor is not one of ours; begin without it")
    return keys
