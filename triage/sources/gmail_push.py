"""Gmail's push: waiting on a Cloud Pub/Sub subscription instead of asking again and again.

A notification says only that a mailbox has changed, and may be late, doubled or dropped: it wakes a look, it never
replaces one. So a look comes every few minutes whatever push says, and at every poll while push is broken.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import google.auth.exceptions
import httplib2
from google_auth_httplib2 import AuthorizedHttp

from triage.core.errors import Retry
from triage.sources.base import Credentials
from triage.sources.gmail_auth import PUSH_SCOPE, load_credentials

ENDPOINT = "https://pubsub.googleapis.com"
SILENCE_SECONDS = 180.0
"""How long nothing but silence is believed."""

DISTRUST_SECONDS = 300.0
"""How long we poll after push was broken, or silent about mail that had come."""

_PULL_SECONDS = 10.0
_MOST = 100
_BROKEN = (
    OSError,
    httplib2.HttpLib2Error,
    http.client.HTTPException,
    ValueError,
    google.auth.exceptions.GoogleAuthError,
)
_log = logging.getLogger(__name__)


class Push:
    """The notifications of one mailbox, on a subscription of its own. Not safe for threads."""

    def __init__(
        self,
        held: Credentials,
        subscription: str,
        *,
        addresses: Iterable[str],
        pull_seconds: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        named = held.extra.get("pubsub_endpoint") or held.extra.get("api_endpoint")
        self._url = f"{str(named or ENDPOINT).rstrip('/')}/v1/{subscription}"
        proxies = None if named else httplib2.proxy_info_from_environment
        self._http = AuthorizedHttp(
            load_credentials(held, scope=PUSH_SCOPE),
            http=httplib2.Http(timeout=pull_seconds or _PULL_SECONDS, proxy_info=proxies),
        )
        self._addresses = frozenset(a.lower() for a in (held.login, *addresses) if a)
        self._subscription = subscription
        self._sleep = sleep
        self._clock = clock
        self._trusted_from = 0.0
        self._ended = False

    @property
    def trusted(self) -> bool:
        """Whether its silence means that nothing has come."""
        return self._clock() >= self._trusted_from

    def wait(self, poll: float) -> bool:
        """Until there is reason to look; True when Gmail told of a change.

        At most SILENCE_SECONDS, and `poll` seconds while push is not trusted. Never raises because of Pub/Sub.
        """
        if not self.trusted:
            self._sleep(poll)
            return False
        ends = self._clock() + max(poll, SILENCE_SECONDS)
        while self._clock() < ends and not self._ended:
            try:
                if self._told():
                    return True
            except Retry as error:
                _log.warning("%s; looking every %.0f s for the next %.0f", error, poll, DISTRUST_SECONDS)
                self.doubt()
                self._sleep(poll)
                return False
        return False

    def doubt(self) -> None:
        """Something had come and push was silent, or push is broken: poll for a while."""
        self._trusted_from = self._clock() + DISTRUST_SECONDS

    def end(self) -> None:
        """Let a wait end within seconds; may be called from another thread."""
        self._ended = True

    def _told(self) -> bool:
        """Pull once, as long as the server lets us wait; acknowledge, and say whether one was about this mailbox."""
        try:
            received = self._post("pull", {"maxMessages": _MOST}).get("receivedMessages", [])
        except TimeoutError:
            return False
        if not received:
            return False
        with suppress(TimeoutError):  # they come again, and wake one look too many
            self._post("acknowledge", {"ackIds": [str(item["ackId"]) for item in received]})
        return any(_address(item) in self._addresses for item in received)

    def _post(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises TimeoutError, or Retry for whatever is wrong."""
        headers = {"Content-Type": "application/json"}
        try:
            response, content = self._http.request(
                f"{self._url}:{verb}", "POST", body=json.dumps(body), headers=headers
            )
            answer = json.loads(content or b"{}") if response.status == 200 else None
        except TimeoutError:
            self._http.http.close()
            raise
        except _BROKEN as error:
            self._http.http.close()  # what is left of a cut answer must not be read as the next one
            raise Retry(f"{self._subscription}: Pub/Sub cannot be reached ({type(error).__name__})") from None
        if not isinstance(answer, dict):
            raise Retry(
                f"{self._subscription}: Pub/Sub refuses us (HTTP {response.status}); the connection's account needs "
                "the role Pub/Sub Subscriber on it"
            )
        return answer


def _address(item: Mapping[str, Any]) -> str:
    """The mailbox that a notification is about; empty when it is none of Gmail's."""
    try:
        data = json.loads(
            base64.urlsafe_b64decode(item["message"]["data"].replace("+", "-").replace("/", "_"))
        )
        return str(data["emailAddress"]).lower()
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
