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
    Raises ConfigError when it holds neither letter, digit nor emoji: X refuses such a query.
    """
    plain = " ".join(text.replace('"', " ").replace("\\", " ").split())
    if not any(unicodedata.category(c) in _SEARCHABLE or c.isalnum() for c in plain):
        raise ConfigError(f"track: {text!r} holds nothing that can be searched for; remove it")
    if _BARE.fullmatch(plain) and plain.upper() not in _WORDS_OF_THE_LANGUAGE:
        return plain
    return f'"{plain}"'


def pack(track: Iterable[str], handles: Iterable[str]) -> list[str]:
    """Queries that together match every tracked term and every post from `handles`, each term once.

    Terms stay in their order unless packing the longest first saves a query: a term added at the end of
    `track` then changes one query only. Raises ConfigError for a term that no query can hold.
    """
    wanted = [*(f"from:{handle}" for handle in handles), *map(term, track)]
    terms = list({t.casefold(): t for t in reversed(wanted)}.values())[::-1]
    for one in terms:
        if _length(one) > _ROOM:
            raise ConfigError(
                f"track: {one[:40]}… has {_length(one)} characters and X takes {_ROOM} in a query; shorten it"
            )
    packings = [_first_fit(terms), _first_fit(sorted(terms, key=_length, reverse=True))]
    return [_query(bin_) for bin_ in min(packings, key=len)]


def _length(text: str) -> int:
    """Characters as UTF-16 counts them: never fewer than X counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _first_fit(terms: Sequence[str]) -> list[list[str]]:
    bins: list[list[str]] = []
    room: list[int] = []
    for one in terms:
        need = _length(one) + len(_BETWEEN)
        place = next((i for i, left in enumerate(room) if need <= left), None)
        if place is None:
            bins.append([])
            room.append(_ROOM + len(_BETWEEN))
            place = len(bins) - 1
        bins[place].append(one)
        room[place] -= need
    return bins


def _query(terms: Sequence[str]) -> str:
    joined = _BETWEEN.join(terms)
    return (f"({joined})" if len(terms) > 1 else joined) + WITHOUT_RETWEETS
