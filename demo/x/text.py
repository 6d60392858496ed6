"""What X makes of a text: its length, its links shortened, its hashtags and mentions found."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LIMIT = 280
LINK_WEIGHT = 23
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # twitter-text v3: these count one, others two
TLDS = "com|org|net|eu|fr|be|ch|uk|ie|ca|de|io|info|example"
LINK = re.compile(
    rf"(?<![\w@./-])(?:https?://[^\s<>\"]+|(?:[a-z0-9-]+\.)+(?:{TLDS})\b(?:/[^\s<>\"]*)?)", re.IGNORECASE
)
TRAILING = ".,;:!?)]}»…'’"
MENTION = re.compile(r"(?<![\w@/&])@([A-Za-z0-9_]{1,15})(?![\w@])")
HASHTAG = re.compile(r"(?<![\w&/#])#(\w+)")
WORD = re.compile(r"\w+")
COMMON = {
    "en": "the and you your is are this that with for not have was will what they our but my it from of to on",
    "fr": "le la les des est une un et vous pas que qui pour dans avec sur mon ma nous je il ce cette du au mais",
    "de": "der die das und ist nicht ich sie mit ein eine auf für wir dem den von haben wird mein",
    "es": "el los las que es una por con para no su mi como pero muy esta este del al yo se",
}
COMMON_WORDS = {language: frozenset(words.split()) for language, words in COMMON.items()}


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A text as the API gives it; positions in `entities` count the characters of `text`."""

    text: str
    entities: dict[str, list[dict[str, Any]]]

    @property
    def mentions(self) -> frozenset[str]:
        """The handles mentioned, in lower case."""
        return frozenset(item["username"].lower() for item in self.entities.get("mentions", []))

    @property
    def hashtags(self) -> frozenset[str]:
        """The hashtags, folded."""
        return frozenset(item["tag"].casefold() for item in self.entities.get("hashtags", []))

    @property
    def links(self) -> list[str]:
        """Where the links lead."""
        return [item["expanded_url"] for item in self.entities.get("urls", [])]


def links(text: str) -> list[tuple[int, int]]:
    """Where the links of a text begin and end."""
    found = []
    for match in LINK.finditer(text):
        end = match.start() + len(match[0].rstrip(TRAILING))
        found.append((match.start(), end))
    return found


def weighted_length(text: str) -> int:
    """The length of a text as X counts it, roughly: links 23, Latin letters 1, most others and emoji 2."""
    spans = links(text)
    bare = "".join(text[end:start] for (_, end), (start, _) in _gaps(spans, len(text)))
    plain = unicodedata.normalize("NFC", bare)
    light = sum(1 for char in plain if any(low <= ord(char) <= high for low, high in LIGHT))
    return LINK_WEIGHT * len(spans) + light + 2 * (len(plain) - light)


def _gaps(spans: list[tuple[int, int]], size: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    edges = [(0, 0), *spans, (size, size)]
    return list(pairwise(edges))


def shorten(text: str) -> str:
    """The part of a long text that still fits, with an ellipsis."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if weighted_length(text[:middle]) < LIMIT - 1 else (low, middle - 1)
    return text[:low].rstrip() + "…"


def render(text: str) -> Rendered:
    """The text with & < > escaped and links as https://t.co/…, and what it holds."""
    parts: list[str] = []
    urls: list[dict[str, Any]] = []
    size = 0
    for (_, begin), (start, end) in _gaps(links(text), len(text)):
        before = html.escape(text[begin:start], quote=False)
        parts.append(before)
        size += len(before)
        if start < end:
            urls.append(_url(text[start:end], size))
            parts.append(urls[-1]["url"])
            size += LINK_WEIGHT
    final = "".join(parts)
    held = {"hashtags": _hashtags(final), "mentions": _mentions(final), "urls": urls}
    return Rendered(text=final, entities={kind: items for kind, items in held.items() if items})


def _url(link: str, start: int) -> dict[str, Any]:
    expanded = link if link.lower().startswith("http") else f"http://{link}"
    bare = re.sub(r"^https?://(www\.)?", "", expanded)
    return {
        "start": start,
        "end": start + LINK_WEIGHT,
        "url": "https://t.co/" + hashlib.sha1(expanded.encode()).hexdigest()[:10],
        "expanded_url": expanded,
        "display_url": bare if len(bare) <= 27 else bare[:26] + "…",
    }


def _hashtags(text: str) -> list[dict[str, Any]]:
    found = [match for match in HASHTAG.finditer(text) if not match[1].isdigit()]
    return [{"start": match.start(), "end": match.end(), "tag": match[1]} for match in found]


def _mentions(text: str) -> list[dict[str, Any]]:
    found = MENTION.finditer(text)
    return [{"start": match.start(), "end": match.end(), "username": match[1]} for match in found]


def guess_language(text: str) -> str:
    """A language by its commonest words, `und` when none shows; X's own detector is better."""
    words = WORD.findall(MENTION.sub(" ", HASHTAG.sub(" ", text.casefold())))
    counts = {language: sum(word in known for word in words) for language, known in COMMON_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else "und"


def words(text: str) -> tuple[str, ...]:
    """The tokens that keyword search compares: split at punctuation, folded."""
    return tuple(WORD.findall(text.casefold()))
