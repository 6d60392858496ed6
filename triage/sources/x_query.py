"""From tracked terms to as few recent-search queries as fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from triage.core.errors import ConfigError

QUERY_LIMIT = 512
"""Characters of one recent-search query, self-serve (docs.x.com, build a query)."""

WITHOUT_RETWEETS = " -is:retweet"
"""A retweet costs a whole post read and says nothing of its own."""

_BETWEEN = " OR "
_ROOM = QUERY_LIMIT - len("()") - len(WITHOUT_RETWEETS)
_BARE = re.compile(r"#\w+|@[A-Za-z0-9_]{1,15}|\$[A-Za-z]{1,6}|\w+")
_WORDS_OF_THE_LANGUAGE = frozenset({"OR", "AND"})
_SEARCHABLE = frozenset({"So"})


def term(text: str) -> str:
    """One tracked hashtag, word or phrase as the query language wants it.

    Whatever is not a plain word, #hashtag, @handle or $cashtag is quoted, so no character of it is an operator.
    Raises ConfigError when it holds neither letter, digit nor emoji (X refuses such a query), or fits no query.
    """
    plain = " ".join(text.replace('"', " ").replace("\\", " ").split())
    if not any(unicodedata.category(c) in _SEARCHABLE or c.isalnum() for c in plain):
        raise ConfigError(f"track: {text!r} holds nothing that can be searched for; remove it")
    bare = _BARE.fullmatch(plain) and plain.upper() not in _WORDS_OF_THE_LANGUAGE
    found = plain if bare else f'"{plain}"'
    if _length(found) > _ROOM:
        raise ConfigError(
            f"track: {found[:40]}… has {_length(found)} characters and X takes {_ROOM} in a query; shorten it"
        )
    return found


def terms(track: Iterable[str]) -> list[str]:
    """Every tracked term once, whatever its spelling in capitals. Raises ConfigError as `term` does."""
    return list({t.casefold(): t for t in reversed([term(text) for text in track])}.values())[::-1]


def quotes_of(native_id: str) -> str:
    """Posts that quote this one (docs.x.com, search operators; stands alone, for every app)."""
    return f"quotes_of_tweet_id:{native_id}"


def without(handles: Iterable[str]) -> str:
    """What leaves out of a query the posts that mention these handles, and their own."""
    return "".join(f" -@{handle} -from:{handle}" for handle in handles)


def pack(wanted: Sequence[str], *, beside: str = "") -> list[tuple[str, ...]]:
    """Terms in as few groups as `query` can hold each, `beside` included, every term once."""
    room = _ROOM - len(beside)
    packings = [_first_fit(wanted, room), _first_fit(sorted(wanted, key=_length, reverse=True), room)]
    return [tuple(group) for group in min(packings, key=len)]


def query(group: Iterable[str], *, beside: str = "") -> str:
    """What finds every post with one of the terms; the same text in whatever order they come."""
    ordered = sorted(group)
    joined = _BETWEEN.join(ordered)
    return (f"({joined})" if len(ordered) > 1 else joined) + beside + WITHOUT_RETWEETS


def _length(text: str) -> int:
    """Characters as UTF-16 counts them: never fewer than X counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _first_fit(wanted: Sequence[str], space: int) -> list[list[str]]:
    bins: list[list[str]] = []
    room: list[int] = []
    for one in wanted:
        need = _length(one) + len(_BETWEEN)
        place = next((i for i, left in enumerate(room) if need <= left), None)
        if place is None:
            bins.append([])
            room.append(max(space, need) + len(_BETWEEN))
            place = len(bins) - 1
        bins[place].append(one)
        room[place] -= need
    return bins
