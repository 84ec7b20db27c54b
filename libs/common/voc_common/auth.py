"""Who is calling: signed JWTs with scopes for machines and roles for people."""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, OKPKey
from msgspec import Struct

from voc_common.settings import Settings, SettingsError

SCOPES: Mapping[str, str] = {
    "feedback:write": "send feedback and activities",
    "sources:write": "change sources and tenant settings, load history, replay",
    "people:read": "see persons, their records and identifiers",
    "people:write": "merge, split and undo",
    "people:erase": "erase persons and records",
    "taxonomy:read": "read taxonomies and decisions",
    "taxonomy:write": "change and publish taxonomies, correct decisions, train",
    "scorecard:read": "read numbers and hot issues",
    "text:read": "read verbatims",
    "backlog:read": "read items",
    "backlog:write": "change items, routes and owners",
    "operations": "dead letters, pipeline health",
    "tenants:admin": "create tenants (the operator's own)",
}
"""Every scope and what it allows."""

_READ = {"taxonomy:read", "scorecard:read", "backlog:read"}
ROLES: Mapping[str, frozenset[str]] = {
    "agent": frozenset(_READ | {"people:read", "text:read"}),
    "manager": frozenset(_READ | {"people:read", "text:read", "taxonomy:write", "backlog:write"}),
    "dri": frozenset(_READ | {"people:read", "text:read", "taxonomy:write", "backlog:write"}),
    "council": frozenset(_READ | {"backlog:write"}),
    "admin": frozenset(set(SCOPES) - {"tenants:admin"}),
}
"""Scopes that a person's role stands for."""

_WRONG: Mapping[type[Exception], str] = {
    InvalidKeyIdError: "it was signed with a key that is not in use here; make one with `voc token` and this "
    "installation's key (VOC_AUTH_KEYS_FILE)",
    BadSignatureError: "it was changed, or signed with another key than it says",
}
_CACHED = 4096
_CACHE_SECONDS = 60.0
_REMOTE = ("https://", "http://")
_ALGORITHMS = ["EdDSA", "Ed25519", "RS256"]


class Unauthenticated(Exception):
    """No token, or one that proves nothing; the message says what is wrong with it."""


class Forbidden(Exception):
    """The token is good but does not allow this."""


class Principal(Struct, frozen=True):
    """A caller: the tenant it acts for, who it is, and what it may do."""

    tenant: str
    subject: str
    scopes: frozenset[str]
    roles: tuple[str, ...] = ()
    expires_at: float = 0.0

    def require(self, *scopes: str) -> None:
        """Raise `Forbidden` unless every scope is granted."""
        missing = [s for s in scopes if s not in self.scopes]
        if missing:
            raise Forbidden(f"this needs the scope {' '.join(missing)}")


class Verifier:
    """Checks tokens against the issuers of the settings; a checked token is remembered for a minute."""

    def __init__(self, settings: Settings) -> None:
        self._issuers = dict(_issuers(settings))
        self._audience = settings.auth_audience
        self._role_claim = settings.auth_role_claim
        self._revoked = {j for j in settings.auth_revoked.split(",") if j}
        self._keys: dict[str, tuple[float, KeySet]] = {}
        self._seen: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def principal(self, authorization: str | None) -> Principal:
        """The caller of a request by its `Authorization` header; raises `Unauthenticated`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send `Authorization: Bearer TOKEN`; make one with `voc token`")
        now = time.time()
        remembered = self._seen.get(token)
        if remembered and now < min(remembered[0], remembered[1].expires_at):
            return remembered[1]
        principal = await self._verified(token, now)
        self._seen[token] = (now + _CACHE_SECONDS, principal)
        if len(self._seen) > _CACHED:
            self._seen.popitem(last=False)
        return principal

    async def _verified(self, token: str, now: float) -> Principal:
        issuer = _unverified_issuer(token)
        if issuer not in self._issuers:
            raise Unauthenticated(
                "the token's issuer is not trusted here: VOC_AUTH_ISSUERS names those that are"
            )
        try:
            claims = jwt.decode(token, await self._key_set(issuer), algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError, KeyError, TypeError) as error:
            why = _WRONG.get(type(error), "it is damaged, or of a form that is not taken here")
            raise Unauthenticated(f"the token does not verify: {why}") from error
        return self._checked(claims, now)

    def _checked(self, claims: Mapping[str, Any], now: float) -> Principal:
        audiences = _strings(claims.get("aud"))
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or now >= expires:
            raise Unauthenticated("the token has expired")
        if not isinstance(begins, int | float) or now < begins - 30:
            raise Unauthenticated("the token is not valid yet")
        if self._audience not in audiences:
            raise Unauthenticated(f"the token is not for the audience {self._audience!r}")
        if claims.get("jti") in self._revoked:
            raise Unauthenticated("the token has been revoked")
        tenant, subject = claims.get("tenant"), claims.get("sub")
        if not isinstance(tenant, str) or not tenant or not isinstance(subject, str):
            raise Unauthenticated("the token names no tenant or no subject")
        roles = tuple(r for r in _strings(claims.get(self._role_claim)) if r in ROLES)
        scopes = set(_strings(claims.get("scope"))) & SCOPES.keys()
        for role in roles:
            scopes |= ROLES[role]
        return Principal(tenant, subject, frozenset(scopes), roles, float(expires))

    async def _key_set(self, issuer: str) -> KeySet:
        async with self._lock:
            fetched, keys = self._keys.get(issuer, (0.0, None))
            if keys is None or time.monotonic() - fetched > 600:
                keys = KeySet.import_key_set(await _read(self._issuers[issuer]))
                self._keys[issuer] = (time.monotonic(), keys)
            return keys


def _issuers(settings: Settings) -> Sequence[tuple[str, str]]:
    """`ISSUER|JWKS` pairs, a JWKS being a file or an https address; plus voc's own key file."""
    pairs = [tuple(p.split("|", 1)) for p in settings.auth_issuers.split(",") if "|" in p]
    if settings.auth_keys_file:
        pairs.append(("voc", settings.auth_keys_file))
    return [(p[0], p[1]) for p in pairs]


async def _read(place: str) -> Any:
    if place.startswith(_REMOTE):
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(place)).raise_for_status().json()
        except httpx.HTTPError as error:
            raise Unauthenticated("the issuer's keys cannot be fetched just now") from error
    try:
        raw = await asyncio.to_thread(Path(place).read_bytes)
    except OSError as error:
        raise Unauthenticated("the issuer's keys cannot be read here") from error
    found = msgspec.json.decode(raw)
    return {"keys": [{k: v for k, v in key.items() if k != "d"} for key in found["keys"]]}


def require_keys(settings: Settings) -> None:
    """Raise `SettingsError` where no token could ever be checked: better not to start than to refuse everybody."""
    if any(place.startswith(_REMOTE) or Path(place).is_file() for _, place in _issuers(settings)):
        return
    raise SettingsError(
        "no key to check tokens with: make one with `voc keys` and name its file in VOC_AUTH_KEYS_FILE, the "
        "same on all hosts, or name your OIDC provider in VOC_AUTH_ISSUERS"
        + (f" ({settings.auth_keys_file} is not there)" if settings.auth_keys_file else "")
    )


def _unverified_issuer(token: str) -> str:
    """Which issuer's keys to try; nothing else is believed before the signature is checked."""
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["iss"])
    except (IndexError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unauthenticated(
            "the token is not a JWT; make one with `voc token --tenant main --all`"
        ) from error


def _strings(claim: Any) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list):
        return [c for c in claim if isinstance(c, str)]  # pyright: ignore[reportUnknownVariableType]
    return []


def make_keys(path: Path) -> None:
    """Write a new signing key pair (JWKS with the private part), readable by its owner only."""
    key = OKPKey.generate_key("Ed25519", {"kid": secrets.token_hex(8), "use": "sig"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode({"keys": [key.as_dict(private=True)]}))


def mint(
    path: Path,
    tenant: str,
    subject: str,
    scopes: Collection[str],
    *,
    roles: Collection[str] = (),
    seconds: int = 86_400,
) -> str:
    """A token signed with voc's own key; raises `ValueError` for an unknown scope or role."""
    unknown = [s for s in scopes if s not in SCOPES] + [r for r in roles if r not in ROLES]
    if unknown:
        raise ValueError(
            f"unknown scope or role: {', '.join(unknown)}; there are {', '.join(SCOPES)}"
        )
    key = OKPKey.import_key(msgspec.json.decode(path.read_bytes())["keys"][0])
    now = int(time.time())
    claims = {
        "iss": "voc",
        "aud": "voc",
        "sub": subject,
        "tenant": tenant,
        "scope": " ".join(sorted(scopes)),
        "roles": sorted(roles),
        "iat": now,
        "exp": now + seconds,
        "jti": secrets.token_hex(12),
    }
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])
