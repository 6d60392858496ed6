"""Partial responses: the `fields` parameter."""

from __future__ import annotations

import re
from typing import Any

from demo.gmail.errors import GoogleError
from demo.gmail.schema import Schemas

TOKEN = re.compile(r"\s*([\w.$*-]+|[(),/])")
Tree = dict[str, "Tree"]


def select(body: Any, selector: str, schemas: Schemas, name: str) -> Any:
    """Keep only what the selector asks for; an unknown field is an error, as at Google."""
    tree = _Parser(selector).parse()
    _check(tree, {"$ref": name}, schemas, selector)
    return _cut(body, tree)


class _Parser:
    """`a,b(c,d/e)` to nested dictionaries; an empty one means everything below."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s", "", text) or not text:
            raise _refused(text)

    def parse(self) -> Tree:
        tree = self._list()
        if self.tokens:
            raise _refused(self.text)
        return tree

    def _list(self) -> Tree:
        tree: Tree = {}
        while True:
            name, below = self._item()
            tree.setdefault(name, {}).update(below)
            if not self.tokens or self.tokens[0] != ",":
                return tree
            self.tokens.pop(0)

    def _item(self) -> tuple[str, Tree]:
        if not self.tokens or self.tokens[0] in "(),/":
            raise _refused(self.text)
        name = self.tokens.pop(0)
        follows = self.tokens[0] if self.tokens else ""
        if follows == "/":
            self.tokens.pop(0)
            inner, below = self._item()
            return name, {inner: below}
        if follows == "(":
            self.tokens.pop(0)
            tree = self._list()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise _refused(self.text)
            return name, tree
        return name, {}


def _refused(selector: str) -> GoogleError:
    return GoogleError(
        400, f"Invalid field selection {selector}", "invalidParameter", location=("fields", "parameter")
    )


def _check(tree: Tree, schema: dict[str, Any], schemas: Schemas, selector: str) -> None:
    if "$ref" in schema:
        schema = schemas.schemas[schema["$ref"]]
    if schema.get("type") == "array":
        _check(tree, schema["items"], schemas, selector)
        return
    properties = schema.get("properties", {})
    for name, below in tree.items():
        if name == "*":
            continue
        if name not in properties:
            raise _refused(name)
        _check(below, properties[name], schemas, selector)


def _cut(value: Any, tree: Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_cut(item, tree) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item, tree[name]) for name, item in value.items() if name in tree}
    return value
