"""What a JSON Schema would have taken where a body was refused: the names of fields, the values of a choice."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
Step = str | int


def fields(document: Schema, schema: Schema, path: Sequence[Step]) -> list[str]:
    """Names of the fields that an object at this place of a body may have, none if it is not one."""
    return sorted({n for found in _at(document, schema, path) for n in found.get("properties", {})})


def values(document: Schema, schema: Schema, path: Sequence[Step]) -> list[str]:
    """The values that are taken at this place of a body, none if it is not a choice."""
    return [str(v) for found in _at(document, schema, path) for v in found.get("enum", [])]


def body_schema(document: Schema, path: str, method: str) -> Schema:
    """The schema of the JSON body that an OpenAPI document tells of a route, {} if of none."""
    operation = document["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema", {})


def _at(document: Schema, schema: Schema, path: Sequence[Step]) -> Iterator[Schema]:
    """The schemas that hold at a place: several where there are alternatives."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        yield from _at(document, found, path)
        return
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _at(document, one, path)
    if not path:
        yield schema
        return
    step, rest = path[0], path[1:]
    inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
    if isinstance(inner, dict):
        yield from _at(document, inner, rest)  # pyright: ignore[reportUnknownArgumentType]
