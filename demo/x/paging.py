"""Which posts a listing covers, and its pages."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from demo.x.errors import invalid, invalid_request
from demo.x.posts import Post
from demo.x.snowflake import first_id, minute, parse_ms

WEEK_MS = 7 * 86_400_000
SETTLED_MS = 10_000
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
TOKEN_HEAD = 7  # digits of checksum before the id


@dataclass(frozen=True)
class Window:
    """Ids between two bounds, both excluded."""

    above: int
    below: int


def timeline_window(params: dict[str, Any], now_ms: int) -> Window:
    """The window of a timeline: since_id and until_id take precedence over start_time and end_time."""
    low, high = _bound(params, "since_id", "start_time"), _bound(params, "until_id", "end_time")
    return Window(low if low is not None else 0, min(high or 1 << 63, first_id(now_ms + 1)))


def search_window(params: dict[str, Any], now_ms: int, lag_ms: int) -> Window:
    """The window of a search: the last seven days up to the lag. Raises 400 for bounds that X refuses."""
    floor = (now_ms - WEEK_MS) // 60_000 * 60_000
    ids: dict[str, str] = {name: params[name] for name in ("since_id", "until_id") if name in params}
    times: dict[str, str] = {name: params[name] for name in ("start_time", "end_time") if name in params}
    if ids and times:
        sent = {name: [value] for name, value in (ids | times).items()}
        text = "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or 'end_time'."
        raise invalid_request([(sent, text)])
    for name, value in ids.items():
        _check_id(name, value, floor)
    for name, value in times.items():
        _check_time(name, value, floor, now_ms)
    if len(times) == 2 and parse_ms(times["start_time"]) >= parse_ms(times["end_time"]):
        text = f"Invalid time range: 'start_time' ('{times['start_time']}') must be before 'end_time'."
        raise invalid("start_time", times["start_time"], text)
    low, high = _bound(params, "since_id", "start_time"), _bound(params, "until_id", "end_time")
    return Window(max(low or 0, first_id(floor) - 1), min(high or 1 << 63, first_id(now_ms - lag_ms + 1)))


def _bound(params: dict[str, Any], by_id: str, by_time: str) -> int | None:
    if by_id in params:
        return int(params[by_id])
    if by_time not in params:
        return None
    edge = first_id(parse_ms(params[by_time]))
    return edge - 1 if by_time == "start_time" else edge


def _check_id(name: str, value: str, floor: int) -> None:
    smallest = first_id(floor)
    if int(value) < smallest:
        text = f"'{name}' must be a tweet id created after {minute(floor)}. Please use a '{name}' that is larger than"
        raise invalid(name, value, f"{text} {smallest}")


def _check_time(name: str, value: str, floor: int, now_ms: int) -> None:
    moment = parse_ms(value)
    shown = minute(moment)
    if moment < floor:
        raise invalid(
            name, shown, f"Invalid '{name}':'{shown}'. '{name}' must be on or after {minute(floor)}"
        )
    if moment > now_ms - SETTLED_MS:
        text = (
            f"Invalid '{name}':'{shown}'. '{name}' must be a minimum of 10 seconds prior to the request time."
        )
        raise invalid(name, shown, text)


def base36(number: int) -> str:
    """A number in digits and small letters."""
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
        if number == 0:
            return text


def _checksum(scope: str, last: str) -> str:
    return base36(zlib.crc32(f"{scope} {last}".encode())).rjust(TOKEN_HEAD, "0")


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a listing."""

    posts: list[Post]
    next_token: str | None

    def meta(self) -> dict[str, Any]:
        """The `meta` of the answer; an empty page has a count only."""
        meta: dict[str, Any] = {"result_count": len(self.posts)}
        if self.posts:
            meta = {"newest_id": str(self.posts[0].id), "oldest_id": str(self.posts[-1].id)} | meta
        return meta | ({"next_token": self.next_token} if self.next_token else {})


def page_of(
    posts: Iterable[Post], size: int, token: str | None, scope: str, *, one_more: bool = False
) -> Page:
    """The page that a token leads to; `one_more` promises a page after the last, which will be empty.

    `scope` is what the token belongs to (endpoint and user or query): it fits nowhere else.
    """
    before = _decode(token, scope) if token else None
    rest = (post for post in posts if before is None or post.id < before)
    found = list(islice(rest, size + 1))
    shown = found[:size]
    follows = len(found) > size or (one_more and bool(shown))
    last = base36(shown[-1].id) if shown else ""
    return Page(posts=shown, next_token=_checksum(scope, last) + last if follows else None)


def _decode(token: str, scope: str) -> int:
    head, last = token[:TOKEN_HEAD], token[TOKEN_HEAD:]
    if not last or _checksum(scope, last) != head:
        raise invalid("next_token", token, f"The `next_token` query parameter value [{token}] is not valid")
    return int(last, 36)
