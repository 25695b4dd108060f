"""The JSON Schema of a journey's definition, generated from the values that definition.py parses. Pure."""

from typing import Any

import msgspec

from journeys.definition import MOST_NODES, SCHEMA_VERSION, Edge, Point
from journeys.nodes import KINDS
from journeys.nodes.kind import Kind
from journeys.rules import Settings


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document; the designer and the API validate with it."""
    kinds = list(KINDS.values())
    (settings, edge, point, *configs), components = msgspec.json.schema_components(
        [Settings, Edge, Point, *(kind.config for kind in kinds)], ref_template="#/$defs/{name}"
    )
    nodes = [_node_schema(kind, config) for kind, config in zip(kinds, configs, strict=True)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Journey",
        "type": "object",
        "required": ["nodes"],
        "additionalProperties": False,
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "settings": settings,
            "nodes": {
                "type": "object",
                "maxProperties": MOST_NODES,
                "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,40}$"},
                "additionalProperties": {"oneOf": nodes},
            },
            "edges": {"type": "array", "items": edge},
            "layout": {"type": "object", "additionalProperties": point},
        },
        "$defs": components,
    }


def _node_schema(kind: Kind, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": kind.name,
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": kind.name},
            "config": config,
            "ports": {"type": "array", "items": {"type": "string"}},
            "name": {"type": "string", "maxLength": 200},
        },
    }
