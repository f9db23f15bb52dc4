"""The JSON Schema of the settings, for editors: completion, and a red line under what ``check`` would refuse."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from surfacehost.settings.fields import FILE, secrets_of
from surfacehost.settings.loading import SURFACE_NAME, SURFACES, TABLES, Finder


class _ForOneFile(GenerateJsonSchema):
    """Requires nothing, since another file or the environment may say it; knows ``x_file`` beside a secret ``x``."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("required", None)
        for name in secrets_of(schema["cls"]):
            made["properties"][name + FILE] = {"type": "string", "description": f"Path of a file that holds {name}."}
        return made


def json_schema(finder: Finder) -> dict[str, Any]:
    """The schema of settings.toml with the tables of every installed plugin, all of which this imports.

    Raises LookupError, ImportError or SurfacehostError for a plugin that can't be used.
    """
    plugins = {name: finder.find(name).Settings for name in finder.names()}
    models = dict.fromkeys([*TABLES.values(), *plugins.values()])
    references, shared = models_json_schema([(model, "validation") for model in models], schema_generator=_ForOneFile)
    tables = {name: references[model, "validation"] for name, model in TABLES.items()}
    surfaces = {name: references[model, "validation"] for name, model in plugins.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "surfacehost settings",
        "type": "object",
        "additionalProperties": False,
        "properties": {**tables, SURFACES: _surfaces(surfaces)},
        "$defs": shared.get("$defs", {}),
    }


def _surfaces(plugins: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    """A table named like a plugin is that plugin's, another may be any plugin's; one that is off holds anything."""
    off = {"properties": {"enabled": {"const": False}}, "required": ["enabled"]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"anyOf": [schema, off]} for name, schema in plugins.items()},
        "patternProperties": {f"^{SURFACE_NAME}$": {"type": "object", "anyOf": [*plugins.values(), off]}},
    }
