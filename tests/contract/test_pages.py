"""The pages of the apis: a browser that reaches nothing but voc shows them whole."""

import re

import pytest
from contract.apis import Apis
from voc_cli.services import SERVICES

_NAMED = re.compile(r"""(?:src|href|spec-url|url:)[=\s]+["']([^"']+)""")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_page_needs_nothing_from_elsewhere(apis: Apis, service: str, path: str) -> None:
    page = await apis.http.get(apis.urls[service] + path)
    assert page.status_code == 200
    assert "//" not in re.sub(r"<style>.*?</style>", "", page.text, flags=re.DOTALL)
    named = _NAMED.findall(page.text)
    assert "/openapi.json" in named
    assert any(name.endswith(".js") for name in named)
    for name in named:
        answer = await apis.http.get(apis.urls[service] + name)
        assert answer.status_code == 200, name
        assert answer.content, name
