"""JSON Schemas and an AsyncAPI 3 document of the events, generated from the Structs that are sent."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from voc_common.events import (
    EVENT_TYPES,
    ActivityIdentified,
    ActivityReceived,
    Body,
    Event,
    FeedbackClassified,
    FeedbackIdentified,
    FeedbackReceived,
    HotIssueChanged,
    ItemChanged,
    RecordsErased,
    RecordsMoved,
    TaxonomyPublished,
    TenantConfigured,
    Tick,
)

from voc_cli import deployment, services
from voc_cli.deployment import Topic

OWNERS: Mapping[type[Event], str] = {
    FeedbackReceived: "ingest",
    ActivityReceived: "ingest",
    TenantConfigured: "ingest",
    FeedbackIdentified: "identity",
    ActivityIdentified: "identity",
    RecordsMoved: "identity",
    RecordsErased: "identity",
    FeedbackClassified: "taxonomy",
    TaxonomyPublished: "taxonomy",
    HotIssueChanged: "scorecard",
    ItemChanged: "backlog",
}
"""Which service publishes an event; who receives it is read from the services' subscriptions."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFS = "#/components/schemas/{name}"
_SAID = (
    "Every event is a CloudEvent in Kafka's binary mode: `ce_*` headers and JSON data. The Kafka key is the "
    "tenant and the record's id. Consumers keep the greater version of each part of a record, so that order "
    "and repetition do not matter. Topics with `.bulk` carry imports and replays, taken after live records. "
    "Times are integers, microseconds since 1970 in UTC."
)


def json_schemas() -> dict[str, Any]:
    """A JSON Schema of each event type, whole in itself, by the type's name."""
    return {
        kind.__name__: {"$schema": _DIALECT} | _tidy(msgspec.json.schema(kind))
        for kind in (*EVENT_TYPES, Tick)
    }


def _tidy(schema: Any) -> Any:
    """Say what a body holds, which the Struct keeps as raw bytes, and straighten the docstrings."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    parts: dict[str, Any] = found["$defs"]
    if _fill(parts, "#/$defs/Body"):
        parts |= msgspec.json.schema(Body)["$defs"]
        _fill(parts, "#/$defs/Body")
    return found


def _fill(parts: dict[str, Any], body: str) -> bool:
    filled = False
    for part in parts.values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
        if part.get("properties", {}).get("body") == {}:
            part["properties"]["body"] = {"$ref": body}
            filled = True
    return filled


def asyncapi(topics: Mapping[str, Topic]) -> dict[str, Any]:
    """The AsyncAPI 3 document of all topics, events, and who sends and receives them."""
    kinds = (*EVENT_TYPES, Tick)
    _, parts = msgspec.json.schema_components((*kinds, Body), ref_template=_REFS)
    parts = msgspec.json.decode(msgspec.json.encode(parts))
    _fill(parts, _REFS.format(name="Body"))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "voc", "version": "1", "description": _SAID},
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, topic) for name, topic in topics.items()},
        "operations": _operations(topics),
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": parts,
        },
    }


def _carried(name: str) -> list[str]:
    """Names of the types that a topic carries; ticks travel behind the records."""
    plain = name.removesuffix(".bulk")
    kinds = [kind.__name__ for kind in EVENT_TYPES if plain == kind.TOPIC]
    return [*kinds, "Tick"] if name.startswith(("voc.feedback", "voc.activity")) else kinds


def _channel(name: str, topic: Topic) -> dict[str, Any]:
    kafka = {"partitions": topic.partitions, "topicConfiguration": _typed(topic.config)}
    return {
        "address": name,
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in _carried(name)},
        "bindings": {"kafka": kafka},
    }


def _typed(config: Mapping[str, str | int]) -> dict[str, Any]:
    """Topic settings in the forms of AsyncAPI's Kafka binding, where the clean-up policy is a list."""
    return {key: [value] if key == "cleanup.policy" else value for key, value in config.items()}


def _message(kind: type[Any]) -> dict[str, Any]:
    name = kind.__name__
    return {
        "name": f"voc.{name}",
        "title": name,
        "summary": inspect.getdoc(kind),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_type", "ce_source", "ce_id"],
            "properties": {
                "ce_specversion": {"const": "1.0"},
                "ce_type": {"const": f"voc.{name}"},
                "ce_source": {"const": "/voc"},
                "ce_id": {"type": "string", "description": "the same for the same content"},
                "traceparent": {"type": "string"},
            },
        },
        "payload": {"$ref": _REFS.format(name=name)},
    }


def _operations(topics: Mapping[str, Topic]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, owner in OWNERS.items():
        _add(found, owner, "send", kind.__name__, topics)
    for service in services.SERVICES:
        if "worker" in services.roles(service):
            for kind in services.consumed(service):
                _add(found, service, "receive", kind.__name__, topics)
    return found


def _add(
    found: dict[str, Any], service: str, action: str, kind: str, topics: Mapping[str, Topic]
) -> None:
    for name in topics:
        if kind in _carried(name):
            lane = ".bulk" if name.endswith(".bulk") else ""
            found[f"{service}.{action}.{kind}{lane}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{kind}"}],
                "tags": [{"name": service}],
            }


def files() -> dict[str, bytes]:
    """Every generated file: its path within the folder, and its content."""
    topics = deployment.read_topics(deployment.topics_file())
    found: dict[str, Any] = {
        f"schemas/{name}.json": schema for name, schema in json_schemas().items()
    }
    found["asyncapi.json"] = asyncapi(topics)
    return {
        path: msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
        for path, content in found.items()
    }


def write(folder: Path) -> list[Path]:
    """Write every file, remove schemas of types that are no more; returns the paths written."""
    made = files()
    for old in (folder / "schemas").glob("*.json"):
        if f"schemas/{old.name}" not in made:
            old.unlink()
    for path, content in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return [folder / path for path in made]
