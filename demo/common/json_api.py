"""A small JSON API for a stand-in: routes, known parameters, tokens, limits, faults, and the control API beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from demo.common import spoil
from demo.common.clock import Clock
from demo.common.faults import FaultBook, Rule
from demo.common.web import ControlError, Fields, control, read_fields
from demo.common.wire import Reply

VERBS = ["GET", "POST", "PUT", "DELETE"]


class ApiError(Exception):
    """An error answer of the service, in its own words."""

    def __init__(self, status: int, error: str, message: str = "") -> None:
        super().__init__(message or error)
        self.status, self.error, self.message = status, error, message


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that is of the right form. `quirk` is the fault kind that a handler has to play itself."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Any
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)
    quirk: str = ""

    def one(self, name: str, default: str = "") -> str:
        """The value of a parameter that is given at most once."""
        return self.query.get(name, [default])[-1]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a handler answers: JSON, and headers beside the usual ones."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route. `limit` is requests in so many seconds, counted for all endpoints of the same `limited_as`."""

    name: str
    verb: str
    path: re.Pattern[str]
    handler: Callable[[Call], Answered]
    params: frozenset[str] = frozenset()
    limit: tuple[int, float] = (3000, 300)
    limited_as: str = "all"


class Service(Protocol):
    """What a stand-in says for itself."""

    clock: Clock
    faults: FaultBook
    endpoints: Sequence[Endpoint]

    def error_body(self, error: ApiError) -> Any:
        """An error in the service's own JSON."""

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """The rate-limit headers; `reset` in epoch seconds."""

    def reset(self) -> None:
        """Back to empty."""


class JsonApi:
    """The API of one service, and `/control/`."""

    def __init__(self, service: Service, controls: Mapping[str, Callable[[Fields], Any]]) -> None:
        """`controls` are the service's own control requests (POST), by path."""
        self.service = service
        self.controls = controls
        self.requests: dict[str, int] = {}
        self.limits: dict[str, int] = {}
        self._windows: dict[str, tuple[float, int]] = {}

    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/control/{path:path}", control(self._control), methods=VERBS),
                Route("/{path:path}", self._answer, methods=VERBS),
            ]
        )

    async def _answer(self, request: Request) -> Reply:
        service, path = self.service, request.url.path
        matched = [
            (e, m) for e in service.endpoints if e.verb == request.method and (m := e.path.fullmatch(path))
        ]
        if not matched:
            return self._error(ApiError(404, "NotFound", "There is no such method."))
        endpoint, found = matched[0]
        self.requests[endpoint.name] = self.requests.get(endpoint.name, 0) + 1
        rule = service.faults.match(endpoint.name, path, None, "direct")
        reply = await spoil.before(service.faults, rule, request.is_disconnected, self._refusal)
        if reply is None:
            reply = self._execute(endpoint, found.groupdict(), request, await request.body(), rule)
            reply = await spoil.after(service.faults, rule, reply, self._refusal)
        return reply

    def _refusal(self, rule: Rule) -> Reply | None:
        if rule.kind == "rate_limit":
            headers = self.service.limit_headers(1, 0, self.service.clock.now() + rule.seconds)
            return self._error(ApiError(429, "RateLimitExceeded", "Too many requests"), headers)
        if rule.kind == "status":
            return self._error(ApiError(rule.status, rule.reason or "Error", rule.message or "A fault."))
        return None

    def _execute(
        self, endpoint: Endpoint, path: dict[str, str], request: Request, raw: bytes, rule: Rule | None
    ) -> Reply:
        headers, allowed = self._limit(endpoint)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(name, []).append(value)
        try:
            if not allowed:
                raise ApiError(429, "RateLimitExceeded", "Too many requests")
            if unknown := query.keys() - endpoint.params:
                raise ApiError(400, "InvalidRequest", f"Unknown parameters: {', '.join(sorted(unknown))}")
            quirk = rule.kind if rule is not None else ""
            body = json.loads(raw) if raw.strip() else {}
            done = endpoint.handler(
                Call(path=path, query=query, body=body, token=token, headers=request.headers, quirk=quirk)
            )
        except ApiError as error:
            return self._error(error, headers)
        return _json(done.body, 200, {**headers, **done.headers})

    def _limit(self, endpoint: Endpoint) -> tuple[dict[str, str], bool]:
        limit, seconds = endpoint.limit
        limit = self.limits.get(endpoint.limited_as, limit)
        now = self.service.clock.now()
        opened, used = self._windows.get(endpoint.limited_as, (now, 0))
        if now >= opened + seconds:
            opened, used = now, 0
        allowed = used < limit
        self._windows[endpoint.limited_as] = (opened, used + allowed)
        return self.service.limit_headers(limit, limit - used - allowed, opened + seconds), allowed

    def _error(self, error: ApiError, headers: Mapping[str, str] | None = None) -> Reply:
        return _json(self.service.error_body(error), error.status, headers or {})

    async def _control(self, request: Request) -> Any:
        path, fields = request.path_params["path"], await read_fields(request)
        own: dict[tuple[str, str], Callable[[Fields], Any]] = {
            ("GET", "health"): lambda _: {"status": "ok"},
            ("GET", "stats"): lambda _: {"requests": self.requests},
            ("GET", "faults"): lambda _: {"rules": [rule.as_json() for rule in self.service.faults.rules]},
            ("POST", "reset"): self._reset,
            ("POST", "faults"): lambda given: self.service.faults.add(given).as_json(),
            ("DELETE", "faults"): lambda _: self.service.faults.clear() or {},
            ("POST", "clock"): lambda given: {"now": self.service.clock.advance(given.number("advance"))},
            ("POST", "limits"): self._set_limit,
        }
        handler = own.get((request.method, path)) or (
            self.controls.get(path) if request.method == "POST" else None
        )
        if handler is None:
            raise ControlError(f"There is no control request {request.method} /control/{path}.", 404)
        done = handler(fields)
        fields.finish()
        return done

    def _reset(self, fields: Fields) -> Any:
        self.requests.clear()
        self.limits.clear()
        self._windows.clear()
        self.service.faults.clear()
        self.service.clock.offset = 0.0
        self.service.reset()
        return {}

    def _set_limit(self, fields: Fields) -> Any:
        self.limits[fields.text("name")] = fields.integer("limit", low=0)
        return self.limits


def _json(body: Any, status: int, headers: Mapping[str, str]) -> Reply:
    data = json.dumps(body, ensure_ascii=False).encode()
    return Reply(
        status=status, body=data, headers={"Content-Type": "application/json; charset=utf-8", **headers}
    )


def limit_of(call: Call, default: int, most: int) -> int:
    """The parameter `limit`. Raises 400 when it is no number from 1 to `most`."""
    text = call.one("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise ApiError(400, "InvalidRequest", f"limit must be an integer from 1 to {most}")
    return int(text)
