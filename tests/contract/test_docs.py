"""docs/api.md lists every route of every service, with what its OpenAPI document says of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contract.apis import Apis

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
METHODS = ("get", "put", "post", "patch", "delete")


async def test_the_list_of_routes_is_of_this_code(apis: Apis) -> None:
    wanted = [
        line
        for service, document in apis.documents.items()
        for line in (f"## {service}", *routes(document))
    ]
    there = [x for x in PAGE.read_text().splitlines() if x.startswith(("## ", "| `"))]
    assert there == wanted


def routes(document: Mapping[str, Any]) -> Iterator[str]:
    """A row of the table for each operation: the first sentence of its description."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                said = operation["description"].split("\n")[0]
                yield f"| `{method.upper()} {path}` | {said} |"
