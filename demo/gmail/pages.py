"""Page tokens: opaque, tied to the request they were given for."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from demo.gmail.errors import invalid

MOST_PER_PAGE = 500


def page_size(params: dict[str, Any]) -> int:
    """How many items a page may hold; more than 500 is silently 500, as at Gmail."""
    size = int(params["maxResults"])
    if size < 1:
        raise invalid("Invalid maxResults: it must be at least 1.")
    return min(size, MOST_PER_PAGE)


def make_token(position: list[int], question: Any) -> str:
    """A token for the page that follows a position."""
    return base64.urlsafe_b64encode(json.dumps([position, _mark(question)]).encode()).decode().rstrip("=")


def read_token(token: str, question: Any) -> list[int]:
    """The position inside a token; a token of another request is refused."""
    try:
        position, mark = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise invalid("Invalid pageToken") from error
    if mark != _mark(question):
        raise invalid("Invalid pageToken")
    return [int(number) for number in position]


def _mark(question: Any) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:12]
