"""X: own mentions, own posts, tracked terms and quotes of our posts, one page at a time.

A *round* walks the feeds in turn, cheapest first: the mentions of each of our handles, its own posts (our replies
come back that way, wherever they were written), then the searches: tracked terms, and quotes of what we posted in
the last days. Pages come newest first, so where a feed stands moves only after its last page; until then every
page is asked for with the same bound. All of it is in the cursor, so a crash costs one page.

Mentions reach back 800 posts. When a walk comes near that, the older ones are fetched by searching for
`@handle` up to the oldest seen. Search reaches seven days; older is CursorExpired.

Money: X bills every post and user it *returns*, once a UTC day each, at the price of the first read. So mentions
are read before searches. What mentions us is left out of a search only where it reaches into another day and would
be billed again; on the same day it costs nothing, and finds what the mention timeline may withhold. A user costs
as much as ten mentions: authors are not expanded unless `names: always`; links go by id, and a handle that some
post of the page mentions comes free. Before every request the most it can cost is compared with `budget` and with
what `left` says may still be spent today. Own mentions and own posts are cheap only if the app belongs to the
account.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from triage.core.errors import ConfigError, Fatal, Retry, Skip
from triage.core.types import Cursor, Message, Page, Quarantined, Read
from triage.sources.base import Credentials, Now, SourceSettings, first_find, utc_now
from triage.sources.x_aside import Bins, counted, deleted_among, due
from triage.sources.x_http import CreditsUsedUp, TokenRefused, XClient
from triage.sources.x_post import NAME, POST_FIELDS, USER_FIELDS, Reader, earlier_versions, handles_of, is_id
from triage.sources.x_query import pack, query, terms
from triage.sources.x_round import MENTIONS, OWN, SEARCH, SMALLEST, VERSION, Feed, Round, Walk, resynced

PAGE_LIMIT = 100
PRICED_AS = {MENTIONS: "mention", OWN: "own", SEARCH: "post"}
"""The price of one post, by kind of feed."""


class XSource:
    """One account on X; what it asks of the store are functions.

    `known`: which post ids are stored already. `left`: what may be spent today, None for no cap; searches leave
    `reserve` of it for mentions and our own posts. `own_posts`: our posts whose quotes are to be found. `unsettled`:
    posts that wait and were paid for today, to see whether they were deleted. `sleep` spaces retries (under 2 s in
    all).
    """

    name = NAME

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        known: Callable[[Sequence[str]], set[str]] = lambda ids: set(),
        left: Callable[[], int | None] = lambda: None,
        reserve: int = 0,
        own_posts: Callable[[], Sequence[str]] = lambda: (),
        unsettled: Callable[[], Sequence[str]] = lambda: (),
        now: Now = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._handles = tuple(
            dict.fromkeys(_handle(a, settings.account) for a in settings.addresses or (credentials.login,))
        )
        self._client = XClient(settings.account, credentials, now=now, sleep=sleep)
        self._reserve = reserve
        self._known, self._left, self._own_posts, self._unsettled = known, left, own_posts, unsettled
        self._now = now

    def whoami(self) -> str:
        """Who the handle is, as X sees it: billed as a user. Raises Fatal or Retry with the mend."""
        user = self._look_up(self._handles[0])
        return f"@{user['username']} ({user['name']}), id {user['id']}"

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """One page of the feed whose turn it is; `has_more` until the round is through every feed."""
        try:
            return self._pull(cursor, budget)
        except CreditsUsedUp as error:
            return Page(
                cursor=cursor or Cursor(account=self._settings.account, version=VERSION),
                paused=f"credits: {error}",
            )

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """As far as the first page with something on it, or through the round: listing is reading here."""
        return first_find(self.pull, cursor, budget)

    def resync(self, cursor: Cursor) -> Cursor:
        """Every feed anew, from as far back as search reaches; a gap before that is told when the round ends."""
        return resynced(cursor, self._now())

    def counts(self, since: datetime) -> tuple[Bins, dict[str, int]]:
        """Posts a minute of the tracked terms since then (a day at most), by query, and what it cost.

        A request each, whatever the number of posts; nothing is asked when today's cap does not allow it.
        """
        queries = [query(group) for group in pack(terms(self._settings.track))]
        left, cost = self._left(), self._price("counts") * len(queries)
        if not queries or (left is not None and left < cost):
            return {}, {}
        bins = counted(self._client, queries, since, self._now())
        return bins, {"counts": cost} if bins else {}

    def _pull(self, cursor: Cursor | None, budget: int | None) -> Page:
        round_ = Round.of(
            cursor, self._settings, self._handles, ours=self._own_posts(), today=self._now().date()
        )
        if round_.late(self._now()):
            round_ = round_.held_back()
        left, least = self._left(), self._least(round_)
        if left is not None and round_.searching:
            left = max(0, left - self._reserve)
        allowed = min((n for n in (budget, left) if n is not None), default=None)
        if allowed is not None and allowed < least:
            why = _cap(allowed, least) if allowed == left else _budget(allowed, least)
            stays = round_.held_back().cursor() if round_.searching else cursor or round_.cursor()
            return Page(cursor=stays, paused=why)
        if due(round_, self._now()) and (ids := self._unsettled()):
            return self._check(round_, ids)
        reads: list[Read] = []
        for handle in self._handles:
            if handle not in round_.users:
                id_ = str(self._look_up(handle)["id"])
                round_ = replace(round_, users={**round_.users, handle: id_})
                reads.append(self._bill("user", "user", [id_]))
        round_, walk = round_.walking(self._now())
        size = self._size(
            walk, None if allowed is None else allowed - sum(len(r.ids) * r.price for r in reads)
        )
        try:
            body = {} if walk.out_of_reach(self._now()) else self._fetch(round_, walk, size)
        except TokenRefused as error:
            if walk.restarted:
                raise Fatal(f"{error}, twice; run `triage replay` for this account") from error
            return Page(cursor=replace(round_, walk=walk.again()).cursor(), has_more=True, reads=tuple(reads))
        return self._page(round_, walk, body, reads)

    def _fetch(self, round_: Round, walk: Walk, size: int) -> Mapping[str, Any]:
        shared: dict[str, Any] = {
            "max_results": size, "since_id": walk.since, "tweet_fields": list(POST_FIELDS),
        }  # fmt: skip
        if self._settings.names == "always":
            shared |= {"expansions": ["author_id"], "user_fields": list(USER_FIELDS)}
        api, token = self._client.api, walk.token
        if walk.kind == SEARCH:
            asked = {"next_token": token, "until_id": walk.until}
            body = self._client.get(api.search_recent_tweets, walk.query, **asked, **shared)
        elif walk.kind == OWN:
            user = round_.users[walk.feed.handle]
            body = self._client.get(
                api.get_users_tweets, user, pagination_token=token, exclude=["retweets"], **shared
            )
        else:
            user = round_.users[walk.feed.handle]
            body = self._client.get(api.get_users_mentions, user, pagination_token=token, **shared)
        if not isinstance(body.get("data", []), list) or not isinstance(body.get("meta", {}), dict):
            raise Retry(f"{self._settings.account}: X answered something that is not a page of posts")
        return body

    def _page(self, round_: Round, walk: Walk, body: Mapping[str, Any], reads: list[Read]) -> Page:
        messages, bad = self._read(round_, body)
        all_ids = [*(m.key.native_id for m in messages), *(q.key.native_id for q in bad)]
        reads.append(self._bill(PRICED_AS[walk.kind], "post", all_ids))
        if self._settings.names == "always":
            reads.append(self._bill("user", "user", list(handles_of({"includes": body.get("includes")}))))
        old = self._known([m.key.native_id for m in messages]) if messages else set()
        new = {m.key.native_id: m for m in messages if m.key.native_id not in old}
        meta, ids = body.get("meta", {}), [str(p["id"]) for p in body.get("data", []) if _has_id(p)]
        token, said = meta.get("next_token"), meta.get("newest_id")
        walk = walk.saw(([said] if is_id(said) else []) + ids, ids, count=len(body.get("data", [])))
        after = round_.after(walk, token if isinstance(token, str) and token else None, self._now())
        done = after.finished
        return Page(
            messages=tuple(new.values()),
            quarantined=tuple(bad),
            deleted=tuple(
                v for p in body.get("data", []) if _has_id(p) and p["id"] in new for v in earlier_versions(p)
            ),
            cursor=after.cursor(),
            has_more=not done,
            reset=round_.reset,
            reads=tuple(r for r in reads if r.ids),
            paused=round_.gap if done else "",
        )

    def _read(self, round_: Round, body: Mapping[str, Any]) -> tuple[list[Message], list[Quarantined]]:
        reader = Reader(
            account=self._settings.account,
            own_ids=frozenset(round_.users.values()),
            own_handles=frozenset(self._handles),
        )
        users = {id_: (handle, "") for handle, id_ in round_.users.items()} | handles_of(body)
        fetched_at = self._now()
        messages: dict[str, Message] = {}
        bad: list[Quarantined] = []
        for post in body.get("data", []):
            try:
                message = reader.message(post, users, fetched_at)
                messages[message.key.native_id] = message
            except Skip as reason:
                bad.append(reader.quarantined(post, str(reason)))
        return list(messages.values()), bad

    def _check(self, round_: Round, ids: Sequence[str]) -> Page:
        """Which of the posts that wait are deleted. They were paid for today: to see them again is free."""
        try:
            gone, there = deleted_among(self._client, ids)
        except CreditsUsedUp:
            raise
        except Retry:  # reading goes first; the next check is near
            gone, there = [], []
        round_ = replace(round_, checked=self._now())
        reads = (self._bill("post", "post", there),) if there else ()
        return Page(cursor=round_.cursor(), deleted=tuple(gone), has_more=True, reads=reads)

    def _look_up(self, handle: str) -> Mapping[str, Any]:
        body = self._client.get(self._client.api.get_user, username=handle)
        user = body.get("data")
        if isinstance(user, dict) and is_id(user.get("id")):
            return {"username": handle, "name": "", **user}
        raise Fatal(
            f"{self._settings.account}: X knows no account @{handle}; correct it in triage.yaml or the connection"
        )

    def _bill(self, method: str, resource: str, ids: Sequence[str]) -> Read:
        return Read(method=method, resource=resource, ids=tuple(ids), price=self._price(method))

    def _price(self, method: str) -> int:
        return self._settings.prices.get(method, 0)

    def _most(self, walk: Walk | Feed) -> int:
        """What one post of this feed may cost, its author included."""
        return self._price(PRICED_AS[walk.kind]) + (
            self._price("user") if self._settings.names == "always" else 0
        )

    def _least(self, round_: Round) -> int:
        """The most that the smallest useful pull may cost."""
        unknown = sum(handle not in round_.users for handle in self._handles)
        turn = round_.walk or round_.turn
        return SMALLEST[turn.kind] * self._most(turn) + unknown * self._price("user")

    def _size(self, walk: Walk, budget: int | None) -> int:
        """Posts to ask for: a full page, or what the budget surely pays."""
        size = min(self._settings.page_size, PAGE_LIMIT)
        if budget is not None and (price := self._most(walk)):
            size = min(size, budget // price)
        return max(size, SMALLEST[walk.kind])


def _cap(left: int, least: int) -> str:
    return (
        f"cap: ${left / 1e6:.3f} of today's dollars are left for this and the smallest page may cost "
        f"${least / 1e6:.3f}; X is read on from 00:00 UTC, or now if quota.x.dollars_per_day is raised"
    )


def _budget(allowed: int, least: int) -> str:
    return (
        f"budget: {allowed} of the {least} millionths of a dollar that the smallest page may cost are left; raise "
        "quota.x.units_per_minute if this lasts"
    )


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
