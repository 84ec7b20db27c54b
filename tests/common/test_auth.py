"""Tokens: what proves who is calling, and everything that does not."""

import time
from pathlib import Path

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from voc_common.auth import Forbidden, Unauthenticated, Verifier, make_keys, mint
from voc_common.settings import Settings


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    make_keys(path)
    return path


def verifier(keys: Path, **more: str) -> Verifier:
    return Verifier(
        Settings(database_url="", kafka_bootstrap_servers="", auth_keys_file=str(keys), **more)  # type: ignore[arg-type]
    )


def forged(keys: Path, **changes: object) -> str:
    """A token signed with the true key, its claims changed."""
    key = OKPKey.import_key(msgspec.json.decode(keys.read_bytes())["keys"][0])
    now = int(time.time())
    claims = {
        "iss": "voc",
        "aud": "voc",
        "sub": "s",
        "tenant": "t",
        "scope": "feedback:write",
        "exp": now + 60,
        "jti": "j",
    }
    return jwt.encode(
        {"alg": "Ed25519"},
        {k: v for k, v in (claims | changes).items() if v is not None},
        key,
        algorithms=["Ed25519"],
    )


async def test_a_minted_token_names_its_caller(keys: Path) -> None:
    token = mint(keys, "acme", "loader", ["feedback:write"])
    who = await verifier(keys).principal(f"Bearer {token}")
    assert (who.tenant, who.subject, who.scopes) == (
        "acme",
        "loader",
        frozenset({"feedback:write"}),
    )
    who.require("feedback:write")
    with pytest.raises(Forbidden, match="people:erase"):
        who.require("people:erase")


async def test_a_role_stands_for_scopes(keys: Path) -> None:
    who = await verifier(keys).principal(
        f"Bearer {forged(keys, scope=None, roles=['agent', 'wizard'])}"
    )
    assert who.roles == ("agent",)
    assert "text:read" in who.scopes
    assert "people:erase" not in who.scopes


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"nbf": 2**33}, "not valid yet"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "nobody"}, "issuer"),
        ({"tenant": None}, "tenant"),
        ({"tenant": 7}, "tenant"),
        ({"sub": None}, "subject"),
    ],
)
async def test_claims_that_prove_nothing(keys: Path, changes: dict[str, object], why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        await verifier(keys).principal(f"Bearer {forged(keys, **changes)}")


async def test_revoked_by_its_id(keys: Path) -> None:
    with pytest.raises(Unauthenticated, match="revoked"):
        await verifier(keys, auth_revoked="x,j").principal(f"Bearer {forged(keys)}")


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer a.b", "Bearer a.b.c", "Bearer \udcff.x.y"],
)
async def test_no_token_at_all(keys: Path, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await verifier(keys).principal(header)


async def test_other_keys_and_other_algorithms_are_refused(keys: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    make_keys(other)
    with pytest.raises(Unauthenticated, match="verify"):
        await verifier(keys).principal(f"Bearer {forged(other)}")
    public = public_half(keys)
    claims = {"iss": "voc", "aud": "voc", "sub": "s", "tenant": "t", "exp": int(time.time()) + 60}
    symmetric = jwt.encode(
        {"alg": "HS256"}, claims, OctKey.import_key(public), algorithms=["HS256"]
    )
    with pytest.raises(Unauthenticated, match="verify"):
        await verifier(keys).principal(f"Bearer {symmetric}")


def public_half(keys: Path) -> str:
    """What everybody may know of a key, as an attacker would use it for a symmetric secret."""
    return msgspec.json.decode(keys.read_bytes())["keys"][0]["x"]


def test_the_key_file_is_its_owners_only(keys: Path) -> None:
    assert keys.stat().st_mode & 0o077 == 0


def test_unknown_scopes_are_not_minted(keys: Path) -> None:
    with pytest.raises(ValueError, match="unknown scope"):
        mint(keys, "t", "s", ["everything"])
