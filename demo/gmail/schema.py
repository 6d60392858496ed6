"""Values against the schemas of a discovery document: requests (lenient as proto JSON) and responses."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
WHOLE = re.compile(r"-?\d+")

Violations = list[tuple[str, str]]


class Schemas:
    """The named schemas of one discovery document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas

    def request(self, value: Any, name: str | None) -> Violations:
        """What is wrong with a request body, in Google's words."""
        if not isinstance(value, dict):
            return [("", "Invalid JSON payload received. Root element must be a message.")]
        return self._check(value, {"$ref": name} if name else {"properties": {}}, "", strict=False)

    def response(self, value: Any, name: str) -> Violations:
        """What is wrong with a response body."""
        return self._check(value, {"$ref": name}, "", strict=True)

    def _check(self, value: Any, schema: dict[str, Any], where: str, *, strict: bool) -> Violations:
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        if value is None and not strict:
            return []
        if "properties" in schema:
            return self._object(value, schema["properties"], where, strict=strict)
        if schema.get("type") == "array":
            if not isinstance(value, list):
                return [_wrong(where, "repeated field", value)]
            items = enumerate(value)
            return [
                problem
                for number, item in items
                for problem in self._check(item, schema["items"], f"{where}[{number}]", strict=strict)
            ]
        fault = scalar_fault(value, schema, strict=strict)
        return [_wrong(where, fault, value)] if fault else []

    def _object(self, value: Any, properties: dict[str, Any], where: str, *, strict: bool) -> Violations:
        if not isinstance(value, dict):
            return [_wrong(where, "message", value)]
        problems: Violations = []
        for key, item in value.items():
            inner = f"{where}.{key}" if where else key
            if key not in properties:
                place = f" at '{where}'" if where else ""
                text = f'Invalid JSON payload received. Unknown name "{key}"{place}: Cannot find field.'
                problems.append((where, text))
            else:
                problems += self._check(item, properties[key], inner, strict=strict)
        return problems


def _wrong(where: str, expected: str, value: Any) -> tuple[str, str]:
    return where, f"Invalid value at '{where}' ({expected}), {json.dumps(value)[:200]}"


def scalar_fault(value: Any, schema: dict[str, Any], *, strict: bool) -> str | None:
    """The name of the expected type when a value is not of it, else None."""
    kind, form = schema.get("type"), schema.get("format")
    if form in RANGES:
        return None if _whole(value, kind, form, strict=strict) else f"TYPE_{form.upper()}"
    if kind == "boolean":
        return None if isinstance(value, bool) else "TYPE_BOOL"
    if kind == "string":
        if not isinstance(value, str):
            return "TYPE_STRING"
        if "enum" in schema and value not in schema["enum"]:
            return "one of " + ", ".join(schema["enum"])
        if form == "byte" and decode_base64(value) is None:
            return "TYPE_BYTES"
    return None


def _whole(value: Any, kind: str | None, form: str, *, strict: bool) -> bool:
    low, high = RANGES[form]
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    if strict and isinstance(value, str) != (kind == "string"):
        return False
    if isinstance(value, str) and (WHOLE.fullmatch(value) is None or len(value) > 20):
        return False
    return low <= int(value) <= high


def decode_base64(text: str) -> bytes | None:
    """Bytes of base64 in either alphabet, padded or not; None when it is not base64."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
