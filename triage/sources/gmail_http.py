"""Gmail over HTTP: one authorised client, calls and batches with short retries, units counted, errors named.

What an error becomes: 401, a refused refresh, a missing scope -> Fatal; 403 and 429 about rates -> Limited
(a Retry); 5xx, broken connections and broken bodies -> tried again at once, at most three times, then Retry;
404 -> Missing; any other refusal -> Refused, which carries Google's reason and never a message's text.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import google.auth.exceptions
import httplib2
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import BatchError, HttpError

from triage.core.errors import ConfigError, Fatal, Retry, TriageError
from triage.sources.base import Credentials, utc_now
from triage.sources.gmail_auth import SCOPE, discovery_document, load_credentials
from triage.sources.gmail_batch import Batch

TIMEOUT_SECONDS = 60
MOST_PARTS = 50
"""Requests in one batch: Google allows 100 and discourages more than 50."""

WITHOUT_ANSWER = "messages.batchModify"
"""The one method here that answers 204 without a body."""

_ATTEMPTS = 3
_FIRST_PAUSE = 0.25
_PATIENCE = timedelta(seconds=30)
_RATE_REASONS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"}
)
_SCOPE_REASONS = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_BROKEN = (
    OSError,
    httplib2.HttpLib2Error,
    http.client.HTTPException,
    BatchError,
    ValueError,
    KeyError,
    IndexError,
)
"""What a lost connection or a cut body raises here and in the client's own batch parser."""


class Limited(Retry):
    """Gmail says that the minute's units are spent."""


class Missing(TriageError):
    """404: the message, label or history is not there (any more)."""


class Refused(TriageError):
    """400 and the like: this request will never work. `reason` is Google's word for it."""

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unavailable(Retry):
    """5xx, a lost connection or an unreadable answer."""


class GmailClient:
    """The API for one mailbox. Not safe for threads: httplib2 is not."""

    def __init__(
        self,
        held: Credentials,
        *,
        account: str,
        prices: Mapping[str, int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        endpoint = str(held.extra.get("api_endpoint") or "")
        proxies = None if endpoint else httplib2.proxy_info_from_environment
        self._http = AuthorizedHttp(
            load_credentials(held), http=httplib2.Http(timeout=TIMEOUT_SECONDS, proxy_info=proxies)
        )
        document = discovery_document(endpoint)
        self._batch_uri = f"{document['rootUrl']}{document['batchPath']}"
        self.users: Any = build_from_document(document, http=self._http).users()
        self._account = account
        self._prices = prices
        self._sleep = sleep
        self._units: Counter[str] = Counter()

    def price(self, method: str) -> int:
        """Units of one call of `method`, from config/triage.yaml."""
        try:
            return int(self._prices[method])
        except KeyError:
            raise ConfigError(
                f"no price for {method} in triage.yaml; add it under quota.gmail.prices"
            ) from None

    @property
    def spent(self) -> int:
        """Units since `take_units`."""
        return self._units.total()

    def take_units(self) -> dict[str, int]:
        """Units by method since the last time, failed pulls included; starts counting anew."""
        taken = dict(self._units)
        self._units.clear()
        return taken

    def call(self, method: str, request: Any) -> Any:
        """The answer to one request; raises as the module says."""
        return self._patiently(lambda: self._once(method, request))

    def batch(self, method: str, requests: Mapping[str, Any]) -> dict[str, Any]:
        """Answers by key, an exception of this module in place of each that failed; at most 50 requests.

        Parts that failed for no fault of theirs (5xx) are asked once more, alone. Raises when the batch as a
        whole fails.
        """
        answers: dict[str, Any] = self._patiently(lambda: self._batch_once(method, requests))
        again = {key: requests[key] for key, answer in answers.items() if isinstance(answer, Unavailable)}
        return answers | self._patiently(lambda: self._batch_once(method, again)) if again else answers

    def _once(self, method: str, request: Any) -> Any:
        self._units[method] += self.price(method)
        try:
            answer = self._checked(method, request.execute())
        except HttpError as error:
            raise self.named(method, error) from None
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def _checked(self, method: str, answer: Any) -> Any:
        """The client library hands a body that is not JSON through as text: a cut answer is no answer."""
        if isinstance(answer, dict) or method == WITHOUT_ANSWER:
            return answer
        return self._unavailable("unreadable answer")

    def _batch_once(self, method: str, requests: Mapping[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = {}

        def keep(key: str, response: Any, error: HttpError | None) -> None:
            answers[key] = self._checked(method, response) if error is None else self.named(method, error)

        batch = Batch(callback=keep, batch_uri=self._batch_uri)
        for key, request in requests.items():
            batch.add(request, request_id=key)
        self._units[method] += self.price(method) * len(requests)
        try:
            batch.execute(http=self._http)
        except HttpError as error:
            named = self.named(method, error)
            if isinstance(named, Limited):
                self._units[method] -= self.price(method) * (len(requests) - 1)
            raise named from None
        if fatal := next((a for a in answers.values() if isinstance(a, Fatal)), None):
            raise fatal
        return answers

    def _patiently(self, attempt: Callable[[], Any]) -> Any:
        for tried in range(1, _ATTEMPTS + 1):
            try:
                return attempt()
            except google.auth.exceptions.RefreshError as error:
                failure: Exception = self.refresh_failed(error)
            except google.auth.exceptions.TransportError as error:
                failure = self._unavailable(type(error).__name__)
            except Unavailable as error:
                failure = error
            except _BROKEN as error:
                failure = self._unavailable(type(error).__name__)
            if not isinstance(failure, Unavailable) or tried == _ATTEMPTS:
                raise failure from None
            self._sleep(_FIRST_PAUSE * 2 ** (tried - 1) * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(
            f"{self._account}: Gmail could not be reached ({what}); it is tried again", after=_PATIENCE
        )

    def refresh_failed(self, error: google.auth.exceptions.RefreshError) -> Exception:
        """A token that Google will not renew, as what the caller does next."""
        if getattr(error, "retryable", False):
            return self._unavailable("token endpoint")
        return Fatal(
            f"{self._account}: Google refuses to renew the access token; connect the mailbox again "
            "(an app in Testing loses its token after 7 days) and put the new refresh token in the connection"
        )

    def named(self, method: str, error: HttpError) -> Exception:
        """The HTTP error as what the caller does next; a refusal for rates costs nothing."""
        status, reason = int(error.resp.status), _reason(error)
        if status == 429 or (status == 403 and reason in _RATE_REASONS):
            self._units[method] -= self.price(method)
            return Limited(f"{self._account}: Gmail's quota is spent ({reason})", after=_retry_after(error))
        if status >= 500 or status == 408:
            return self._unavailable(f"HTTP {status}")
        if status == 401:
            return Fatal(f"{self._account}: Gmail refuses the token; connect the mailbox again")
        if status == 403 and reason in _SCOPE_REASONS:
            return Fatal(
                f"{self._account}: the token lacks the scope {SCOPE}; connect the mailbox again with it"
            )
        if status == 403:
            return Fatal(
                f"{self._account}: Gmail forbids {method} ({reason}); enable the API and this mailbox"
            )
        if status == 404:
            return Missing(f"{method}: not found")
        return Refused(f"{method}: refused with HTTP {status} ({reason})", status=status, reason=reason)


def _reason(error: HttpError) -> str:
    """Google's one-word reason, never its free text."""
    try:
        body = json.loads(error.content)["error"]
        words: Iterable[Any] = [
            item.get("reason") for item in (*body.get("details", ()), *body.get("errors", ()))
        ]
        return next((str(word) for word in words if word), str(body.get("status", "no reason")))[:60]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason"


def _retry_after(error: HttpError) -> timedelta:
    value = str(error.resp.get("retry-after", ""))
    if value.isdigit():
        return timedelta(seconds=min(int(value), 3600))
    try:
        return max(timedelta(0), parsedate_to_datetime(value) - utc_now())
    except (ValueError, TypeError):
        # The minute slides: after one of it all units are back. Not every task need come back at once.
        return _PATIENCE * random.uniform(1, 2)
