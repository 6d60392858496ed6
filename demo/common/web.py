"""Control requests: JSON bodies read strictly, and errors that are one sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

REQUIRED: Any = object()


class ControlError(Exception):
    """A control request that cannot be served; the text says how to mend it."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Fields:
    """The fields of one JSON object, taken one by one; what is left over is an error."""

    def __init__(self, body: Any, name: str = "The request") -> None:
        if not isinstance(body, dict):
            raise ControlError(f"{name} must be a JSON object, not {type(body).__name__}.")
        self.left: dict[str, Any] = dict(body)
        self.known: list[str] = []
        self.name = name

    def take(self, key: str, kinds: type | tuple[type, ...], default: Any = REQUIRED) -> Any:
        """The value of a field, checked to be of one of the kinds; null counts as left out."""
        self.known.append(key)
        value = self.left.pop(key, None)
        if value is None:
            if default is REQUIRED:
                raise ControlError(f"{self.name} needs the field {key!r}.")
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise ControlError(f"The field {key!r} of {self.name.lower()} is of the wrong type: {value!r}.")
        return value

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        """A string."""
        return self.take(key, str, default)

    def texts(self, key: str, default: Any = REQUIRED) -> Any:
        """A list of strings."""
        value = self.take(key, list, default)
        if value is not None and any(not isinstance(item, str) for item in value):
            raise ControlError(f"The field {key!r} of {self.name.lower()} must hold strings only.")
        return value

    def integer(
        self, key: str, default: Any = REQUIRED, *, low: int | None = None, high: int | None = None
    ) -> Any:
        """A whole number within bounds."""
        value = self.take(key, int, default)
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            raise ControlError(f"The field {key!r} of {self.name.lower()} is out of range: {value}.")
        return value

    def number(self, key: str, default: Any = REQUIRED) -> Any:
        """Any number."""
        return self.take(key, (int, float), default)

    def choice(self, key: str, options: Sequence[str], default: Any = REQUIRED) -> Any:
        """One of the given strings."""
        value = self.take(key, str, default)
        if value is not default and value not in options:
            raise ControlError(f"The field {key!r} must be one of {', '.join(options)}, not {value!r}.")
        return value

    def finish(self) -> None:
        """Refuse fields that nobody asked for."""
        if self.left:
            unknown, known = ", ".join(map(repr, self.left)), ", ".join(self.known)
            raise ControlError(f"{self.name} has unknown fields {unknown}; known are {known}.")


async def read_fields(request: Request) -> Fields:
    """The JSON object of a control request; an empty body is an empty object."""
    raw = await request.body()
    try:
        return Fields(json.loads(raw) if raw.strip() else {})
    except ValueError as error:
        raise ControlError(f"The request is not JSON: {error}.") from error


def control(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Turn a handler that returns data into one that answers JSON, errors included."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except ControlError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)

    return answer
