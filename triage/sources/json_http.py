"""Polite calls to a JSON service: address, timeout, few retries, and refusals named by what the caller does next.

Bluesky and Mastodon are asked through this and not through their Python libraries. `atproto` takes a second
and a half to import, at the start of every task, and validates a page as a whole: one odd record would hide
the other 99. `Mastodon.py` throws away the body of a refusal and the reset time of a 429, and turns odd
fields into None. Four GET requests do not need either; both libraries judge our stand-ins in the tests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from triage.core.errors import ConfigError, Retry
from triage.sources.base import Now

TIMEOUT_SECONDS = 30.0
PAUSES: tuple[float, ...] = (0.5, 1.0)
"""Seconds between the three attempts of a call that the service or the network spoiled."""

NO_RESET_HEADER = timedelta(seconds=60)
LONGEST_WAIT = timedelta(days=1)
RESET_HEADERS = ("ratelimit-reset", "x-ratelimit-reset", "retry-after")
"""Epoch seconds at Bluesky, an ISO time at Mastodon, seconds from now in HTTP itself."""

_EPOCH_FROM = 1_000_000_000


class NoAnswer(Retry):
    """The service, or the way to it, spoiled every attempt. Other requests may still be answered."""


class Refused(Exception):
    """A 3xx or 4xx answer other than 408 and 429: asking again would not help."""

    def __init__(self, status: int, body: Any) -> None:
        said = body if isinstance(body, dict) else {}
        self.status = status
        self.error = str(said.get("error") or "")[:300]
        self.detail = str(said.get("message") or said.get("error_description") or self.error)[:300]
        super().__init__(f"{status}, {self.detail or 'no reason given'}")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A 2xx answer: the JSON it holds, and its headers (lower-case names)."""

    body: Any
    headers: Mapping[str, str]


class JsonClient:
    """One service at one address. `spent` counts the requests, by name, since it was last asked."""

    def __init__(
        self,
        service: str,
        account: str,
        address: str,
        extra: Mapping[str, Any],
        *,
        now: Now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._who = f"{account}: {service}"
        self._address = _checked(str(extra.get("api_endpoint") or "").strip() or address)
        self._timeout = _timeout(extra)
        self._now = now
        self._sleep = sleep
        self._spent: dict[str, int] = {}
        self._session = requests.Session()
        self._session.trust_env = False

    def spent(self) -> dict[str, int]:
        """Requests made since the last call of this, by name."""
        spent, self._spent = self._spent, {}
        return spent

    def ask(
        self,
        verb: str,
        path: str,
        *,
        name: str,
        token: str = "",
        params: Sequence[tuple[str, str]] = (),
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call. Raises Refused, Retry for a 429, or NoAnswer after three spoiled attempts."""
        fault = ""
        for attempt in range(len(PAUSES) + 1):
            if attempt:
                self._sleep(PAUSES[attempt - 1])
            self._spent[name] = self._spent.get(name, 0) + 1
            try:
                response = self._session.request(
                    verb,
                    self._address + path,
                    params=list(params),
                    json=body,
                    headers={**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})},
                    timeout=self._timeout,
                    allow_redirects=False,
                )
                content, status = response.content, response.status_code
            except requests.RequestException as error:
                fault = type(error).__name__
                continue
            if status == 429:
                raise Retry(f"{self._who} asks for patience (429)", after=self._until(response.headers))
            said, readable = _read(content)
            if 300 <= status < 500 and status != 408:
                raise Refused(status, said)
            if 200 <= status < 300 and readable:
                return Answer(body=said, headers={k.lower(): v for k, v in response.headers.items()})
            fault = "the answer is cut off or not JSON" if status < 300 else str(status)
        raise NoAnswer(f"{self._who} could not be reached in {len(PAUSES) + 1} attempts ({fault})")

    def _until(self, headers: Mapping[str, str]) -> timedelta:
        """How long a 429 asks to wait: 1 second to a day, a minute when it does not say."""
        for name in RESET_HEADERS:
            if (wait := _wait(headers.get(name, ""), self._now())) is not None:
                return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)
        return NO_RESET_HEADER


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time with an offset, in UTC; None for anything else."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        return parsed.astimezone(UTC) if parsed is not None and parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _wait(value: str, now: datetime) -> timedelta | None:
    if at := moment(value):
        return at - now
    if not value.isascii() or not value.isdigit():
        return None
    seconds = min(int(value[:20]), 10**11)
    return timedelta(seconds=seconds - (int(now.timestamp()) if seconds >= _EPOCH_FROM else 0))


def _read(content: bytes) -> tuple[Any, bool]:
    try:
        return json.loads(content), True
    except (ValueError, RecursionError):
        return None, False


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"api_endpoint {address!r} is not an address; write it as https://host:port")
    return address.rstrip("/")


def _timeout(extra: Mapping[str, Any]) -> float:
    value = extra.get("timeout_seconds") or TIMEOUT_SECONDS
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise ConfigError(f"timeout_seconds {value!r} is not between 0 and 600; mend it or leave it out")
    return seconds
