"""The discovery document that google-api-python-client ships, as the contract of the stand-in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import unquote

from demo.gmail.errors import GoogleError, bad_request
from demo.gmail.schema import Schemas, scalar_fault

ID_PREFIX = "gmail.users."
UNKNOWN_PARAMETER = (
    'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
    "Field '{name}' could not be found in request message."
)


@dataclass(frozen=True)
class Method:
    """One API method."""

    id: str
    verb: str
    route: re.Pattern[str]
    parameters: dict[str, Any]
    request: str | None
    response: str | None
    scopes: frozenset[str]

    @property
    def placeholders(self) -> int:
        """How many parts of its path vary; fewer means more specific."""
        return self.route.groups


class Contract:
    """Routes, parameters and schemas of the Gmail API."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas = Schemas(document["schemas"])
        self.common: dict[str, Any] = document["parameters"]
        methods = [_method(item) for item in _walk(document)]
        self.methods = {method.id: method for method in methods}
        colour = document["schemas"]["LabelColor"]["properties"]["textColor"]["description"]
        self.colours = frozenset(re.findall(r"#[0-9a-f]{6}\b", colour))
        self._routes = sorted(methods, key=lambda method: method.placeholders)

    def names(self) -> dict[str, str]:
        """Every accepted way to name a method: in full, or without `gmail.users.`."""
        full = {name: name for name in self.methods}
        return full | {name.removeprefix(ID_PREFIX): name for name in self.methods}

    def match(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method of a request and its path parameters."""
        for method in self._routes:
            found = method.route.fullmatch(path) if method.verb == verb else None
            if found:
                return method, {name: unquote(value) for name, value in found.groupdict().items()}
        raise GoogleError(404, f"Method not found: the Gmail API has no {verb} {path}.")

    def query(self, method: Method, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The query parameters of a request, typed, defaults filled in."""
        known = {name: spec for name, spec in method.parameters.items() if spec["location"] == "query"}
        values: dict[str, Any] = {}
        problems: list[tuple[str, str]] = []
        for name, text in pairs:
            spec = known.get(name) or self.common.get(name)
            if spec is None:
                problems.append((name, UNKNOWN_PARAMETER.format(name=name)))
                continue
            value, problem = _typed(name, text, spec)
            if problem is not None:
                problems.append((name, problem))
            elif spec.get("repeated"):
                values.setdefault(name, []).append(value)
            elif name in values:
                problems.append((name, f"Invalid value at '{name}': the parameter is given more than once."))
            else:
                values[name] = value
        problems += [(name, f"Missing required parameter: {name}") for name in _missing(known, values)]
        if problems:
            raise bad_request(problems)
        defaults = {
            name: _typed(name, spec["default"], spec)[0] for name, spec in known.items() if "default" in spec
        }
        return defaults | values

    def body(self, method: Method, raw: bytes, content_type: str) -> dict[str, Any]:
        """The JSON body of a request, checked against the method's request schema."""
        if not raw.strip():
            return {}
        if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/json":
            raise GoogleError(
                400, f"Unsupported content type {content_type!r}: send application/json.", "parseError"
            )
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise GoogleError(400, f"Invalid JSON payload received. {error}", "parseError") from error
        problems = self.schemas.request(body, method.request)
        if problems:
            raise bad_request(problems)
        return {name: value for name, value in body.items() if value is not None}

    def check_response(self, method: Method, body: Any) -> None:
        """Refuse to send what the real API could not have sent."""
        if method.response is None:
            problems = [("", "the method has no response body")] if body is not None else []
        else:
            problems = self.schemas.response(body, method.response)
        if problems:
            text = "; ".join(message for _, message in problems[:5])
            raise AssertionError(
                f"The stand-in made a response of {method.id} that breaks the contract: {text}"
            )


def _walk(resource: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _walk(inner)


def _method(item: dict[str, Any]) -> Method:
    parts = re.split(r"\{\+?(\w+)\}", item["path"])
    pattern = "".join(
        re.escape(part) if number % 2 == 0 else f"(?P<{part}>[^/]+)" for number, part in enumerate(parts)
    )
    return Method(
        id=item["id"],
        verb=item["httpMethod"],
        route=re.compile("/" + pattern),
        parameters=item.get("parameters", {}),
        request=item.get("request", {}).get("$ref"),
        response=item.get("response", {}).get("$ref"),
        scopes=frozenset(item.get("scopes", ())),
    )


def _missing(known: dict[str, Any], values: dict[str, Any]) -> list[str]:
    return [name for name, spec in known.items() if spec.get("required") and name not in values]


def _typed(name: str, text: str, spec: dict[str, Any]) -> tuple[Any, str | None]:
    """A parameter's value, or what is wrong with it."""
    value: Any = text
    if spec["type"] == "boolean":
        value = {"true": True, "false": False}.get(text.lower(), text)
    elif spec["type"] == "integer":
        value = int(text) if re.fullmatch(r"-?\d{1,20}", text) else text
    fault = scalar_fault(value, spec, strict=spec["type"] != "string")
    return value, (f"Invalid value at '{name}' ({fault}), {json.dumps(text)}" if fault else None)


@cache
def gmail_contract() -> Contract:
    """The contract, read once."""
    file = resources.files("googleapiclient") / "discovery_cache" / "documents" / "gmail.v1.json"
    return Contract(json.loads(file.read_text(encoding="utf-8")))
