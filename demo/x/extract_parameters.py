"""Makes parameters.json, the parameters of the endpoints served here, from X's OpenAPI description.

    python demo/x/extract_parameters.py path/to/openapi.json[.gz] > demo/x/parameters.json

The description itself (10 times the size) is needed neither to run the stand-in nor to test it.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

ENDPOINTS = {
    "users.me": ("get", "/2/users/me"),
    "users.by": ("get", "/2/users/by"),
    "users.by_username": ("get", "/2/users/by/username/{username}"),
    "users.get": ("get", "/2/users/{id}"),
    "users.mentions": ("get", "/2/users/{id}/mentions"),
    "users.tweets": ("get", "/2/users/{id}/tweets"),
    "search.recent": ("get", "/2/tweets/search/recent"),
    "counts.recent": ("get", "/2/tweets/counts/recent"),
    "tweets.list": ("get", "/2/tweets"),
    "tweets.create": ("post", "/2/tweets"),
    "tweets.get": ("get", "/2/tweets/{id}"),
    "tweets.delete": ("delete", "/2/tweets/{id}"),
}
APP_SCHEMES, USER_SCHEMES = {"BearerToken"}, {"OAuth2UserToken", "UserToken"}
BOUNDS = ("minimum", "maximum", "minItems", "maxItems", "minLength", "pattern", "default")


class Extract:
    """The table that comes out of one description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.description = description
        self.sets: dict[str, list[str]] = {}

    def table(self) -> dict[str, Any]:
        """Everything parameters.json holds."""
        endpoints = {name: self.endpoint(verb, path) for name, (verb, path) in ENDPOINTS.items()}
        source = f"X API v2 OpenAPI {self.description['info']['version']}"
        return {"source": source, "sets": self.sets, "endpoints": endpoints}

    def endpoint(self, verb: str, path: str) -> dict[str, Any]:
        """Verb, path, kinds of token, parameters, and the names of body fields."""
        operation = self.description["paths"][path][verb]
        schemes = {scheme for entry in operation["security"] for scheme in entry}
        kinds = [kind for kind, of in (("app", APP_SCHEMES), ("user", USER_SCHEMES)) if schemes & of]
        entry: dict[str, Any] = {"verb": verb.upper(), "path": path, "auth": kinds}
        parameters = [self.resolve(item) for item in operation.get("parameters", [])]
        entry["parameters"] = {item["name"]: self.parameter(item) for item in parameters}
        if "requestBody" in operation:
            schema = self.resolve(operation["requestBody"]["content"]["application/json"]["schema"])
            entry["body"] = sorted(schema["properties"])
        return entry

    def parameter(self, item: dict[str, Any]) -> dict[str, Any]:
        """Type, bounds and allowed values of one parameter."""
        schema = self.resolve(item["schema"])
        entry: dict[str, Any] = {"in": item["in"]} if item["in"] == "path" else {}
        if item.get("required"):
            entry["required"] = True
        entry["type"] = "list" if schema["type"] == "array" else schema.get("format", schema["type"])
        entry |= {key: schema[key] for key in BOUNDS if key in schema}
        inner = self.resolve(schema["items"]) if schema["type"] == "array" else schema
        if "pattern" in inner:
            entry["pattern"] = inner["pattern"]
        if "enum" in inner:
            entry["values"] = self.values(item["name"], inner["enum"])
        return entry

    def values(self, name: str, values: list[str]) -> str:
        """The name of a set of allowed values; endpoints that allow the same share it."""
        key = next(key for key in self.names(name) if self.sets.get(key, values) == values)
        self.sets[key] = values
        return key

    @staticmethod
    def names(name: str) -> list[str]:
        """Names for the sets of a parameter that differ between endpoints."""
        return [name, *(f"{name} {number}" for number in range(2, 10))]

    def resolve(self, item: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for."""
        while "$ref" in item:
            target: Any = self.description
            for part in item["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            item = target
        return item


def main(arguments: list[str]) -> int:
    """Read the description and write the table."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    data = Path(arguments[0]).read_bytes()
    description = json.loads(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
    table = Extract(description).table()
    print("{")
    print(f' "source": {json.dumps(table["source"])},')
    for section in ("sets", "endpoints"):
        rows = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in table[section].items()]
        print(f' "{section}": {{\n' + ",\n".join(rows) + "\n }" + ("," if section == "sets" else ""))
    print("}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
