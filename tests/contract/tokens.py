"""Tokens that must open nothing."""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

REVOKED = "token-that-was-revoked"
"""The `jti` of a revoked token."""


def _part(value: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def claims(tenant: str, scopes: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Good claims, some of them changed; None takes one away."""
    now = int(time.time())
    found: dict[str, Any] = {
        "iss": "voc",
        "aud": "voc",
        "sub": "test",
        "tenant": tenant,
        "scope": scopes,
        "iat": now,
        "exp": now + 600,
        "jti": secrets.token_hex(8),
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def sign(key: Any, said: dict[str, Any], alg: str = "Ed25519", **header: Any) -> str:
    """A JWT."""
    named = {"kid": key.kid} if key.kid else {}
    return jwt.encode({"alg": alg, **named, **header}, said, key, algorithms=[alg])


def worthless(keys: Path, tenant: str, scopes: str) -> dict[str, str | None]:
    """Authorization headers by what is wrong with them; each but for that would be good."""
    pair = msgspec.json.decode(keys.read_bytes())["keys"][0]
    ours = OKPKey.import_key(pair)
    theirs = OKPKey.generate_key("Ed25519", {"kid": ours.kid})
    # The classic: the public key, which everybody knows, as the secret of a symmetric signature.
    public = OctKey.import_key(pair["x"].encode(), {"kid": ours.kid})
    good = claims(tenant, scopes, {})
    head, body, signature = sign(ours, good).split(".")
    now = int(time.time())
    forged = {
        "signed by a stranger": sign(theirs, good),
        "signed by a stranger, key enclosed": sign(theirs, good, jwk=theirs.as_dict(private=False)),
        "signed by a stranger without name": sign(OKPKey.generate_key("Ed25519"), good),
        "signed with the public key": sign(public, good, "HS256"),
        "not signed": f"{_part({'alg': 'none'})}.{body}.",
        "signature left out": f"{head}.{body}.",
        "signature of another token": f"{head}.{_part(good | {'sub': 'admin'})}.{signature}",
        "header of another token": f"{_part({'alg': 'none'})}.{body}.{signature}",
    }
    changed: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 1},
        "expired long ago": {"iat": 1, "exp": 2},
        "without an end": {"exp": None},
        "its end no number": {"exp": "never"},
        "not valid yet": {"nbf": now + 3600},
        "for another audience": {"aud": "billing"},
        "for other audiences": {"aud": ["billing", "vocal"]},
        "for no audience": {"aud": None},
        "of another issuer": {"iss": "https://issuer.example"},
        "of no issuer": {"iss": None},
        "of an issuer that is no text": {"iss": {"voc": "voc"}},
        "revoked": {"jti": REVOKED},
        "of no tenant": {"tenant": None},
        "of a tenant without name": {"tenant": ""},
        "of a tenant that is no text": {"tenant": [tenant]},
        "of nobody": {"sub": None},
    }
    tokens = forged | {why: sign(ours, claims(tenant, scopes, c)) for why, c in changed.items()}
    broken = {
        "no header": None,
        "empty header": "",
        "no token": "Bearer",
        "a password": "Basic dm9jOnZvYw==",
        "a token without its scheme": f"{head}.{body}.{signature}",
        "no JWT": "Bearer hello",
        "dots": "Bearer ...",
        "not ASCII": "Bearer \u00fc.\u00fc.\u00fc",
        "a list for claims": f"Bearer {head}.{_part([1])}.{signature}",
        "no JSON": f"Bearer {head}.e30e30.{signature}",
        "very deep": f"Bearer {head}.{urlsafe_b64encode(b'[' * 9000).decode()}.{signature}",
        "very long": f"Bearer {'a' * 30_000}",
    }
    return broken | {why: f"Bearer {token}" for why, token in tokens.items()}
