"""Every OpenAPI document against its api: what it promises is what comes, whatever is sent."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from contract.apis import Apis
from contract.worlds import World
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi import checks
from voc_cli import services
from voc_common.auth import SCOPES

pytestmark = pytest.mark.slow

EXAMPLES = 15
"""Of each kind, good and bad, for each route."""

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("service", services.SERVICES)
async def test_an_api_keeps_the_promises_of_its_document(
    apis: Apis, make: Callable[[str], Awaitable[World]], service: str, mode: GenerationMode
) -> None:
    world = await make(service)
    token = apis.token(world["tenant"], *(set(SCOPES) - {"tenants:admin"}))
    document = deepcopy(dict(apis.documents[service]))
    # Else bad requests would be bad by their tokens, and reach no route.
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security")
    schema: Any = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 10
    faults: list[str] = []
    statuses: Counter[int] = Counter()
    for operation in operations:
        asked = operation.definition.raw
        if mode is GenerationMode.NEGATIVE and not asked.keys() & {"parameters", "requestBody"}:
            continue
        # In a thread: the api answers from this one.
        fault = await asyncio.to_thread(
            _fuzzed, operation, mode, apis.urls[service], token, statuses
        )
        faults += [f"{operation.label}: {fault}"] if fault else []
    assert not faults, "\n\n".join(faults)
    assert not statuses[401]
    assert statuses[200] if mode is GenerationMode.POSITIVE else statuses[422]


def _fuzzed(
    operation: Any, mode: GenerationMode, url: str, token: str, statuses: Counter[int]
) -> str:
    """What an operation did that its document does not say, "" if nothing."""

    @seed(20261122)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        answer = case.call_and_validate(
            base_url=url, headers={"Authorization": token}, checks=CHECKS, timeout=30
        )
        statuses[answer.status_code] += 1

    try:
        fuzz()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
