"""Answer a post on X, and post.

Writing needs keys of the account itself: four OAuth 1.0a keys, which last, or an OAuth 2.0 user token, which ends after
two hours unless somebody renews it. A post cannot be sent twice by accident and told apart from one that was meant,
so a lost answer is cleared up in the account's own posts: what answers the same post in the same words is it.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import requests

from triage.core.errors import ConfigError, Declined, Fatal, InDoubt, Retry, Skip, TriageError
from triage.core.length import links
from triage.core.types import Message, Reply, Sent
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.never_left import never_left
from triage.sources.x_http import CreditsUsedUp, Unaccepted, XClient
from triage.sources.x_post import POST_FIELDS, Reader, first_id_at, is_id

OAUTH1 = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
OAUTH2 = "user_token"
CREATE, CREATE_WITH_URL = "create", "create_with_url"
PAGE, MOST_PAGES = 100, 8
"""Own posts are looked through so far: all of X's own limit of a quarter of an hour, eight times."""

_LEADING_MENTIONS = re.compile(r"^(\s*@\w+)+[\s,:]*")
_APP = ("oauth1-permissions", "client-forbidden", "unsupported-authentication")
"""Refusals that are about the app or its keys, not about what was written."""


class Writer(XClient):
    """tweepy's client with the account's own keys."""

    def __init__(
        self, account: str, credentials: Credentials, *, now: Now, sleep: Callable[[float], None]
    ) -> None:
        extra = credentials.extra
        self._held = {name: str(extra.get(name) or "").strip() for name in (*OAUTH1, OAUTH2)}
        self.signs = all(self._held[name] for name in OAUTH1)
        if not self.signs and not self._held[OAUTH2]:
            raise ConfigError(
                f"{account}: the X connection holds no keys to write with; make an access token with read and write "
                f"permission in X's developer console and put {', '.join(OAUTH1)} in the connection"
            )
        super().__init__(account, credentials, now=now, sleep=sleep)

    @property
    def user_id(self) -> str:
        """The account's id, if its access token names it as those of OAuth 1.0a do."""
        return found[1] if (found := re.match(r"(\d+)-", self._held["access_token"])) else ""

    def _keys(self, credentials: Credentials) -> Mapping[str, str]:
        signed = {name: self._held[name] for name in OAUTH1}
        return signed if self.signs else {"bearer_token": "set by the session"}

    def _token(self, credentials: Credentials) -> str:
        return "" if self.signs else self._held[OAUTH2]

    def create(self, **fields: Any) -> str:
        """One post, asked for once; its id. Raises as Replier.send does."""
        try:
            response = self.api.create_tweet(user_auth=self.signs, **fields)
            made = response.json()["data"]["id"]
        except Unaccepted as refused:
            raise self._refusal(refused) from None
        except requests.RequestException as error:
            what = type(error).__name__
            if never_left(error):
                raise Retry(f"{self._account}: X could not be reached ({what})") from None
            raise InDoubt(f"X's answer was lost ({what})") from None
        except (ValueError, KeyError, TypeError):
            raise InDoubt("X's answer was unreadable") from None
        if not is_id(made):
            raise InDoubt("X's answer names no post")
        return str(made)

    def _refusal(self, refused: Unaccepted) -> TriageError:
        if refused.status >= 500 or refused.status == 408:
            return InDoubt(f"X answered {refused.status}")
        meant = self._meaning(refused)
        if isinstance(meant, Retry):
            return meant
        if refused.status == 401 or refused.says(*_APP):
            return Fatal(
                f"{self._account}: X does not let these keys write ({refused.status}, {refused.detail}); give the app "
                "read and write permission in X's developer console, make the access token anew, and save it in the "
                "connection"
            )
        return Declined(f"X refuses it ({refused.status}): {refused.detail}")


class XReplier:
    """One account on X as a Replier."""

    settles = timedelta(minutes=2)

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        now: Now = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._handle = (settings.addresses or (credentials.login,))[0].strip().lstrip("@")
        self._client = Writer(settings.account, credentials, now=now, sleep=sleep)
        self._units: Counter[str] = Counter()
        self._now = now

    def price(self, reply: Reply) -> Mapping[str, int]:
        """A post, dearer with a link; see Replier."""
        method = CREATE_WITH_URL if links(reply.text) else CREATE
        return {method: self._price(method)}

    def owed(self) -> dict[str, int]:
        """Millionths of a dollar by method; see Replier."""
        owed = dict(self._units)
        self._units.clear()
        return owed

    def send(self, reply: Reply) -> Sent:
        """Post it; see Replier."""
        answers = {"in_reply_to_tweet_id": reply.to} if reply.to else {}
        made = self._client.create(text=reply.text, **answers)
        self._units.update(self.price(reply))
        return self._sent(made)

    def find(self, reply: Reply) -> Sent | None:
        """The account's own post that says the same in answer to the same post, since it was wanted; see Replier."""
        since = first_id_at(reply.wanted_at - timedelta(minutes=1))
        token: str | None = None
        try:
            for _ in range(MOST_PAGES):
                body = self._client.get(
                    self._client.api.get_users_tweets, self._me(), since_id=since, max_results=PAGE,
                    tweet_fields=list(POST_FIELDS), exclude=["retweets"], user_auth=self._client.signs,
                    pagination_token=token,
                )  # fmt: skip
                posts = body.get("data") or []
                self._units["own"] += len(posts) * self._price("own")
                for post in posts:
                    if (found := self._read(post)) is not None and _same(found, reply):
                        return self._sent(found.key.native_id)
                token = body.get("meta", {}).get("next_token")
                if token is None:
                    return None
        except CreditsUsedUp as error:
            raise InDoubt(str(error)) from None
        raise InDoubt("the account has posted too much since for it to be found")

    def _me(self) -> str:
        if self._client.user_id:
            return self._client.user_id
        self._units["user"] += self._price("user")
        return str(self._client.get(self._client.api.get_me, user_auth=self._client.signs)["data"]["id"])

    def _read(self, post: Any) -> Message | None:
        reader = Reader(account=self._settings.account, own_ids=frozenset())
        try:
            return reader.message(post, {}, self._now())
        except Skip:
            return None

    def _sent(self, native_id: str) -> Sent:
        return Sent(native_id=native_id, url=f"https://x.com/{self._handle}/status/{native_id}")

    def _price(self, method: str) -> int:
        try:
            return self._settings.prices[method]
        except KeyError:
            raise ConfigError(f"no price for {method} in triage.yaml; add it under quota.x.prices") from None


def _same(post: Message, reply: Reply) -> bool:
    return post.reply_to == reply.to and _bare(post.text) == _bare(reply.text)


def _bare(text: str) -> str:
    """The words: without the mentions X puts before an answer, the links it shortens, and how lines are broken."""
    text = _LEADING_MENTIONS.sub("", unicodedata.normalize("NFC", text))
    for start, end in reversed(links(text)):
        text = f"{text[:start]} {text[end:]}"
    return " ".join(text.split())
