"""X: own mentions, tracked terms and our own posts, one page at a time.

A *round* walks the feeds in turn: the mentions of each of our handles, then the search queries that hold the
tracked terms and `from:<handle>` (our replies come back that way, wherever they were written). Pages come
newest first, so a feed's `since` moves only after its last page, to the newest id of its first one; until
then every page is asked for with the same bound. All of it is in the cursor, so a crash costs one page.

Mentions reach back 800 posts. When a walk comes near that, the older ones are fetched by searching for
`@handle` up to the oldest seen. Search reaches seven days; older is CursorExpired.

Money: posts the store holds already are not counted (read again on the same UTC day X does not bill them; on
a later day it does, and that is missed here). Authors come by expansion and X bills resources *returned*: each
author of a page with a new post is counted, though X bills one only once a day. Within a day the sum is never
too low, if the app belongs to the account: only then are mentions cheap.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triage.core.errors import ConfigError, Fatal, Retry, Skip
from triage.core.types import Cursor, Message, Page, Quarantined
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.x_http import CreditsUsedUp, TokenRefused, XClient
from triage.sources.x_post import NAME, POST_FIELDS, USER_FIELDS, Reader, handles_of, is_id
from triage.sources.x_round import VERSION, Feed, Round, Walk, resynced

PAGE_LIMIT = 100


class XSource:
    """One account on X. `known` says which post ids are stored already; `sleep` spaces retries (under 2 s in all)."""

    name = NAME

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        known: Callable[[Sequence[str]], set[str]] = lambda ids: set(),
        now: Now = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._handles = tuple(
            dict.fromkeys(_handle(a, settings.account) for a in settings.addresses or (credentials.login,))
        )
        self._client = XClient(settings.account, credentials, now=now, sleep=sleep)
        self._known = known
        self._now = now

    def whoami(self) -> str:
        """Who the handle is, as X sees it. Raises Fatal or Retry with the mend."""
        user = self._look_up(self._handles[0])
        return f"@{user['username']} ({user['name']}), id {user['id']}"

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """One page of the feed whose turn it is; `has_more` until the round is through every feed."""
        try:
            return self._pull(cursor, budget)
        except CreditsUsedUp as error:
            return Page(
                cursor=cursor or Cursor(account=self._settings.account, version=VERSION), paused=str(error)
            )

    def resync(self, cursor: Cursor) -> Cursor:
        """Every feed anew, from as far back as search reaches; a gap before that is told when the round ends."""
        return resynced(cursor, self._now())

    def _pull(self, cursor: Cursor | None, budget: int | None) -> Page:
        units: dict[str, int] = {}
        round_ = Round.of(cursor, self._settings, self._handles)
        if budget is not None and budget < (least := self._least(round_)):
            why = f"budget: {budget} of the {least} millionths of a dollar that the smallest page may cost are left"
            return Page(
                cursor=cursor or round_.cursor(),
                paused=f"{why}; raise quota.x.units_per_minute if this lasts",
            )
        for handle in self._handles:
            if handle not in round_.users:
                round_ = round_.with_user(handle, str(self._look_up(handle)["id"]))
                self._spend(units, "user", 1)
        walk = round_.walk or round_.begin(self._now())
        size = self._size(walk, None if budget is None else budget - sum(units.values()))
        try:
            body = self._fetch(round_, walk, size)
        except TokenRefused as error:
            if walk.restarted:
                raise Fatal(f"{error}, twice; run `triage replay` for this account") from error
            return Page(cursor=round_.at(walk.again()).cursor(), has_more=True, units=units)
        return self._page(round_, walk, body, units)

    def _fetch(self, round_: Round, walk: Walk, size: int) -> Mapping[str, Any]:
        shared = {
            "max_results": size, "since_id": walk.since, "start_time": walk.start, "expansions": ["author_id"],
            "tweet_fields": list(POST_FIELDS), "user_fields": list(USER_FIELDS),
        }  # fmt: skip
        api = self._client.api
        if walk.mentions:
            user = round_.users[walk.feed.handle]
            body = self._client.get(api.get_users_mentions, user, pagination_token=walk.token, **shared)
        else:
            body = self._client.get(
                api.search_recent_tweets, walk.query, next_token=walk.token, until_id=walk.until, **shared
            )
        if not isinstance(body.get("data", []), list) or not isinstance(body.get("meta", {}), dict):
            raise Retry(f"{self._settings.account}: X answered something that is not a page of posts")
        return body

    def _page(self, round_: Round, walk: Walk, body: Mapping[str, Any], units: dict[str, int]) -> Page:
        messages, bad = self._read(round_, body)
        old = self._known([m.key.native_id for m in messages]) if messages else set()
        new = [m for m in messages if m.key.native_id not in old]
        self._spend(units, "mention" if walk.mentions else "post", len(new) + len(bad))
        self._spend(units, "user", len({m.author for m in new} & handles_of(body).keys()))
        meta, ids = body.get("meta", {}), [str(p["id"]) for p in body.get("data", []) if _has_id(p)]
        token, said = meta.get("next_token"), meta.get("newest_id")
        walk = walk.saw(([said] if is_id(said) else []) + ids, ids, count=len(body.get("data", [])))
        after = round_.after(walk, token if isinstance(token, str) and token else None, self._now())
        done = after.finished
        return Page(
            messages=tuple(new),
            quarantined=tuple(bad),
            cursor=after.cursor(),
            has_more=not done,
            reset=round_.reset,
            units=units,
            paused=round_.gap if done else "",
        )

    def _read(self, round_: Round, body: Mapping[str, Any]) -> tuple[list[Message], list[Quarantined]]:
        reader = Reader(
            account=self._settings.account,
            own_ids=frozenset(round_.users.values()),
            own_handles=frozenset(self._handles),
        )
        users, fetched_at = handles_of(body), self._now()
        messages: dict[str, Message] = {}
        bad: list[Quarantined] = []
        for post in body.get("data", []):
            try:
                message = reader.message(post, users, fetched_at)
                messages[message.key.native_id] = message
            except Skip as reason:
                bad.append(reader.quarantined(post, str(reason)))
        return list(messages.values()), bad

    def _look_up(self, handle: str) -> Mapping[str, Any]:
        body = self._client.get(self._client.api.get_user, username=handle)
        user = body.get("data")
        if isinstance(user, dict) and is_id(user.get("id")):
            return {"username": handle, "name": "", **user}
        raise Fatal(
            f"{self._settings.account}: X knows no account @{handle}; correct it in triage.yaml or the connection"
        )

    def _spend(self, units: dict[str, int], method: str, count: int) -> None:
        if cost := count * self._settings.prices.get(method, 0):
            units[method] = units.get(method, 0) + cost

    def _price(self, walk: Walk | Feed) -> int:
        """What one post of this feed may cost, its author included."""
        prices = self._settings.prices
        return prices.get("mention" if walk.mentions else "post", 0) + prices.get("user", 0)

    def _least(self, round_: Round) -> int:
        """The most that the smallest useful pull may cost."""
        unknown = sum(handle not in round_.users for handle in self._handles)
        turn = round_.walk or round_.turn
        return turn.smallest * self._price(turn) + unknown * self._settings.prices.get("user", 0)

    def _size(self, walk: Walk, budget: int | None) -> int:
        """Posts to ask for: a full page, or what the budget surely pays."""
        size = min(self._settings.page_size, PAGE_LIMIT)
        if budget is not None and (price := self._price(walk)):
            size = min(size, budget // price)
        return max(size, walk.smallest)


def _handle(address: str, account: str) -> str:
    name = address.strip().lstrip("@").lower()
    if not re.fullmatch(r"[a-z0-9_]{1,15}", name):
        raise ConfigError(
            f"{account}: {address!r} is not a handle on X; write it as @name under `addresses` in triage.yaml "
            "and in the connection's Handle field"
        )
    return name


def _has_id(post: Any) -> bool:
    return isinstance(post, dict) and is_id(post.get("id"))
