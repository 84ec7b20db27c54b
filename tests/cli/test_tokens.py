"""Keys and tokens: a token opens what it says, and the services need no private key to check it."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from voc_cli import deployment
from voc_cli.installation import Installation
from voc_common.auth import SCOPES, Principal, Unauthenticated, Verifier, mint, require_keys
from voc_common.settings import Settings, SettingsError

Voc = Callable[..., subprocess.CompletedProcess[str]]


def checked(token: str, keys: Path) -> Principal:
    settings = Settings(database_url="", kafka_bootstrap_servers="", auth_keys_file=str(keys))
    return asyncio.run(Verifier(settings).principal(f"Bearer {token.strip()}"))


def test_a_token_opens_what_it_says(voc: Voc, installed: Installation) -> None:
    made = voc("token", "--tenant", "acme", "--scope", "feedback:write,text:read", "--days", "2")
    principal = checked(made.stdout, installed.keys_file)
    assert (principal.tenant, principal.scopes) == ("acme", {"feedback:write", "text:read"})
    assert abs(principal.expires_at - time.time() - 2 * 86_400) < 60
    assert made.stderr == ""


def test_all_is_everything_but_the_operators_own(voc: Voc, installed: Installation) -> None:
    tenants = checked(voc("token", "--tenant", "acme", "--all").stdout, installed.keys_file)
    operators = checked(voc("token", "--tenant", "-", "--all").stdout, installed.keys_file)
    assert operators.scopes - tenants.scopes == {"tenants:admin"}
    assert operators.scopes == SCOPES.keys()


def test_a_role_stands_for_its_scopes(voc: Voc, installed: Installation) -> None:
    principal = checked(
        voc("token", "--tenant", "a", "--role", "agent").stdout, installed.keys_file
    )
    assert principal.roles == ("agent",)
    assert "scorecard:read" in principal.scopes


@pytest.mark.parametrize("options", [[], ["--scope", "everything"], ["--role", "king"]])
def test_what_there_is_not_is_refused_with_what_there_is(voc: Voc, options: list[str]) -> None:
    done = voc("token", "--tenant", "acme", *options)
    assert done.returncode == 2
    assert "feedback:write" in done.stderr
    assert done.stdout == ""


def test_all_that_is_missing_is_told_at_once(voc: Voc) -> None:
    said = " ".join(voc("token").stderr.split())
    assert "--tenant" in said
    assert "--all" in said
    assert "voc token --tenant main --all" in said


def test_a_token_that_opens_nothing_is_told_why_in_words(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    deployment.ensure_keys(ours)
    deployment.ensure_keys(theirs)
    foreign = mint(theirs, "acme", "test", ["operations"])
    head, body, signature = mint(ours, "acme", "test", ["operations"]).split(".")
    with pytest.raises(Unauthenticated, match="with a key that is not in use here; make one with"):
        checked(foreign, ours)
    with pytest.raises(Unauthenticated, match="it was changed, or signed with another key"):
        checked(f"{head}.{body}.{signature[:-8]}AAAAAAAA", ours)
    with pytest.raises(Unauthenticated, match="not a JWT; make one with `voc token --tenant main"):
        checked("hello", ours)


def test_an_api_without_any_key_does_not_start(tmp_path: Path) -> None:
    missing = tmp_path / "keys.json"

    def settings(**more: str) -> Settings:
        return Settings(database_url="", kafka_bootstrap_servers="", **more)  # type: ignore[arg-type]

    for some in (settings(), settings(auth_keys_file=str(missing))):
        with pytest.raises(
            SettingsError, match=r"voc keys.* VOC_AUTH_KEYS_FILE.* VOC_AUTH_ISSUERS"
        ):
            require_keys(some)
    require_keys(
        settings(
            auth_keys_file=str(missing),
            auth_issuers="https://issuer.example|https://issuer.example/jwks",
        )
    )
    deployment.ensure_keys(missing)
    require_keys(settings(auth_keys_file=str(missing)))


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    keys = tmp_path / "made" / "keys.json"
    assert deployment.ensure_keys(keys)
    before = keys.read_bytes()
    assert not deployment.ensure_keys(keys)
    assert keys.read_bytes() == before
    assert keys.stat().st_mode & 0o777 == 0o600


def test_the_public_half_checks_tokens_and_signs_none(voc: Voc, tmp_path: Path) -> None:
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    done = voc("keys", "--public", str(public), VOC_AUTH_KEYS_FILE=str(private))
    assert done.returncode == 0
    assert "d" not in json.loads(public.read_text())["keys"][0]
    token = voc("token", "--tenant", "acme", "--all", VOC_AUTH_KEYS_FILE=str(private)).stdout
    assert checked(token, public).tenant == "acme"
    other = tmp_path / "other.json"
    deployment.ensure_keys(other)
    with pytest.raises(Unauthenticated):
        checked(token, other)
