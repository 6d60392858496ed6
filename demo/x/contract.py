"""Which endpoints there are and what they accept: parameters.json, applied strictly."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from demo.x.errors import invalid_request

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
Faults = list[tuple[dict[str, list[str]], str]]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint: its route, the kinds of token it takes, its parameters."""

    name: str
    verb: str
    path: str
    auth: list[str]
    parameters: dict[str, dict[str, Any]]
    body: list[str]
    route: re.Pattern[str]


class Contract:
    """The endpoints of the stand-in."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.sets: dict[str, list[str]] = table["sets"]
        self.endpoints = {name: self._endpoint(name, entry) for name, entry in table["endpoints"].items()}

    @staticmethod
    def _endpoint(name: str, entry: dict[str, Any]) -> Endpoint:
        route = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", entry["path"]))
        return Endpoint(
            name=name,
            verb=entry["verb"],
            path=entry["path"],
            auth=entry["auth"],
            parameters=entry["parameters"],
            body=entry.get("body", []),
            route=route,
        )

    def match(self, verb: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint of a request, and the values in its path; the first in the table wins."""
        for endpoint in self.endpoints.values():
            found = endpoint.route.fullmatch(path) if endpoint.verb == verb else None
            if found:
                return endpoint, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def check(self, endpoint: Endpoint, path: dict[str, str], query: list[tuple[str, str]]) -> dict[str, Any]:
        """The parameters, typed; lists are split, defaults are filled in. Raises 400 naming every fault."""
        values: dict[str, Any] = {}
        faults: Faults = []
        allowed = [name for name, rule in endpoint.parameters.items() if rule.get("in") != "path"]
        for name, value in path.items():
            values[name] = value
            faults += self._faults(name, endpoint.parameters[name], value)
        for name, value in query:
            rule = endpoint.parameters.get(name)
            if rule is None or name not in allowed:
                unknown = f"The query parameter [{name}] is not one of [{','.join(allowed)}]"
                faults.append(({name: [value]}, unknown))
            elif name in values:
                faults.append(({name: [value]}, f"The `{name}` query parameter can only be given once"))
            else:
                values[name] = value.split(",") if rule["type"] == "list" else value
                faults += self._faults(name, rule, value)
        for name, rule in endpoint.parameters.items():
            if rule.get("required") and name not in values:
                faults.append(({name: []}, f"The `{name}` query parameter can not be empty"))
            elif "default" in rule:
                values.setdefault(name, rule["default"])
        if faults:
            raise invalid_request(faults)
        integers = [name for name in values if endpoint.parameters[name]["type"] == "int32"]
        return values | {name: int(values[name]) for name in integers}

    def _faults(self, name: str, rule: dict[str, Any], value: str) -> Faults:
        if rule["type"] == "list":
            return self._list_faults(name, rule, value.split(","))
        message = self._fault(name, rule, value)
        return [({name: [value]}, message)] if message else []

    def _list_faults(self, name: str, rule: dict[str, Any], values: list[str]) -> Faults:
        low, high = rule.get("minItems", 1), rule.get("maxItems", len(values))
        if not low <= len(values) <= high:
            said = f"The number of values in the `{name}` query parameter list [{len(values)}]"
            return [({name: values}, f"{said} is not between {low} and {high}")]
        messages = [(value, self._fault(name, rule, value)) for value in values]
        return [({name: [value]}, message) for value, message in messages if message]

    def _fault(self, name: str, rule: dict[str, Any], value: str) -> str | None:
        said = f"The `{name}` query parameter value [{value}]"
        if len(value) < rule.get("minLength", 0):
            return f"The `{name}` query parameter can not be empty"
        if "values" in rule and value not in self.sets[rule["values"]]:
            return f"{said} is not one of [{','.join(self.sets[rule['values']])}]"
        if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
            return f"{said} does not match {rule['pattern']}"
        if rule["type"] == "date-time" and not TIMESTAMP.fullmatch(value):
            return f"{said} is not a valid RFC3339 timestamp, for example 2021-02-01T18:40:40.000Z"
        if rule["type"] == "int32":
            low, high = rule["minimum"], rule["maximum"]
            if not re.fullmatch(r"-?\d{1,9}", value):
                return f"{said} is not a valid integer"
            if not low <= int(value) <= high:
                return f"{said} is not between {low} and {high}"
        return None


@cache
def x_contract() -> Contract:
    """The contract as committed."""
    return Contract(json.loads(Path(__file__).with_name("parameters.json").read_text("utf-8")))
