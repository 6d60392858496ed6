"""One polite HTTP call to X: address, timeout, few retries, and errors named by what the caller does next.

tweepy builds the requests; this session carries them, so that nothing hangs, nothing sleeps for a rate limit,
the token stays out of tweepy's debug log, and no odd answer reaches tweepy's own parsing of errors.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry, TriageError
from triage.sources.base import Credentials, Now

TIMEOUT_SECONDS = 30.0
PAUSES: tuple[float, ...] = (0.5, 1.0)
"""Seconds between the three attempts of a call that X or the network spoiled."""

NO_RESET_HEADER = timedelta(seconds=60)
LONGEST_WAIT = timedelta(days=1)


class CreditsUsedUp(Retry):
    """The app's prepaid credits, or its cap, are used up: nothing to do until somebody adds some."""


class TokenRefused(TriageError):
    """X no longer knows our page token: the walk has to start again from its first page."""


class Unaccepted(Exception):
    """An answer outside 2xx."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.status = response.status_code
        self.headers = response.headers
        self.problem = _object(response.content)

    def says(self, *words: str) -> bool:
        """Whether the problem's type or title holds one of the words."""
        kind = f"{self.problem.get('type', '')} {self.problem.get('title', '')}".lower()
        return any(word in kind for word in words)

    def names(self, *parameters: str) -> bool:
        """Whether the problem complains about one of the parameters."""
        errors = self.problem.get("errors")
        faults = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
        told = " ".join(f"{e.get('parameters', '')} {e.get('message', '')}" for e in faults)
        return any(parameter in told for parameter in parameters)

    @property
    def detail(self) -> str:
        """X's own sentence, short."""
        errors = self.problem.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        told = (
            first.get("message")
            or self.problem.get("detail")
            or self.problem.get("title")
            or "no reason given"
        )
        return str(told)[:300]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class _Adapter(HTTPAdapter):
    """Sends to `endpoint` (None: where tweepy says), with our token and a timeout; refuses all but 2xx.

    Without a token the request goes as tweepy signed it.
    """

    def __init__(self, endpoint: str | None, token: str, timeout: float) -> None:
        super().__init__()
        self._endpoint = urlsplit(endpoint) if endpoint else None
        self._token = token
        self._timeout = timeout

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """One exchange. Raises Unaccepted, or what requests raises."""
        if self._endpoint is not None:
            asked = urlsplit(str(request.url))
            path = self._endpoint.path.rstrip("/") + asked.path
            request.url = urlunsplit((self._endpoint.scheme, self._endpoint.netloc, path, asked.query, ""))
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        kwargs["timeout"] = self._timeout
        response = super().send(request, *args, **kwargs)
        if not 200 <= response.status_code < 300:
            raise Unaccepted(response)
        return response


class XClient:
    """tweepy's client on our session. `get` is the only way out."""

    def __init__(
        self, account: str, credentials: Credentials, *, now: Now, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._account = account
        self._now = now
        self._sleep = sleep
        self.api = tweepy.Client(
            **self._keys(credentials), return_type=requests.Response, wait_on_rate_limit=False
        )
        adapter = _Adapter(
            _endpoint(credentials.extra), self._token(credentials), _timeout(credentials.extra)
        )
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self.api.session = session

    def _keys(self, credentials: Credentials) -> Mapping[str, str]:
        """What tweepy signs requests with."""
        return {"bearer_token": "set by the session"}

    def _token(self, credentials: Credentials) -> str:
        """The bearer token to go with requests; empty where tweepy signs them."""
        token = credentials.password.strip()
        if not token or not token.isascii() or not token.isprintable():
            raise ConfigError(
                f"{self._account}: the X connection holds no usable bearer token; "
                "put the app's token in its password field"
            )
        return token

    def get(self, call: Callable[..., Any], *args: Any, **parameters: Any) -> Mapping[str, Any]:
        """The JSON object that a method of `api` answers.

        Raises Fatal, Retry, CreditsUsedUp, CursorExpired or TokenRefused. Server errors, lost connections,
        stalls and broken bodies are tried three times before they become a Retry; a 429 is a Retry at once.
        """
        fault = ""
        for attempt in range(len(PAUSES) + 1):
            if attempt:
                self._sleep(PAUSES[attempt - 1])
            try:
                response = call(*args, **parameters)
            except Unaccepted as refused:
                if refused.status < 500 and refused.status != 408:
                    raise self._meaning(refused) from refused
                fault = f"{refused.status}, {refused.detail}"
            except requests.RequestException as error:
                fault = type(error).__name__
            else:
                if body := _object(response.content):
                    return body
                fault = "the answer is cut off or not a JSON object"
        raise Retry(f"{self._account}: X did not answer properly in {len(PAUSES) + 1} attempts ({fault})")

    def _meaning(self, refused: Unaccepted) -> TriageError:
        """What a refusal asks us to do."""
        who = f"{self._account}: X"
        if refused.status == 402 or refused.says("credits", "usage-capped", "usagecap"):
            return CreditsUsedUp(
                f"X credits are used up ({refused.detail}); add credits or raise the cap in X's developer console",
                after=timedelta(hours=1),
            )
        if refused.status == 429:
            return Retry(f"{who} asks for patience (429, {refused.detail})", after=self._until_reset(refused))
        if refused.status == 400 and refused.names("since_id", "start_time"):
            return CursorExpired(f"{who} reaches seven days back only ({refused.detail})")
        if refused.status == 400 and refused.names("next_token", "pagination_token"):
            return TokenRefused(f"{who} refuses the page token ({refused.detail})")
        if refused.status == 401:
            return Fatal(
                f"{who} refuses the bearer token (401, {refused.detail}); make a new one in X's developer console "
                "and save it in the connection"
            )
        if refused.status == 403:
            return Fatal(
                f"{who} does not let this app read (403, {refused.detail}); use an app-only bearer token of an app "
                "that is enrolled in a project with read access"
            )
        return Fatal(
            f"{who} refuses the request ({refused.status}, {refused.detail}); check the handle, the tracked terms "
            "and api_endpoint in the connection"
        )

    def _until_reset(self, refused: Unaccepted) -> timedelta:
        """How long to wait, from `x-rate-limit-reset` (epoch seconds): 1 second to a day."""
        try:
            seconds = int(refused.headers["x-rate-limit-reset"]) - int(self._now().timestamp())
        except (KeyError, ValueError):
            return NO_RESET_HEADER
        return timedelta(seconds=min(max(1, seconds), int(LONGEST_WAIT.total_seconds())))


def _endpoint(extra: Mapping[str, Any]) -> str | None:
    """`extra.api_endpoint`, checked; None for the real service."""
    if not (value := str(extra.get("api_endpoint") or "").strip()):
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"api_endpoint {value!r} is not an address; write it as https://host:port or leave it empty"
        )
    return value


def _timeout(extra: Mapping[str, Any]) -> float:
    """`extra.timeout_seconds`: how long a silent connection is waited for, 30 if not given."""
    value = extra.get("timeout_seconds") or TIMEOUT_SECONDS
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise ConfigError(
            f"timeout_seconds {value!r} is not between 0 and 600 seconds; mend it or leave it out"
        )
    return seconds
