"""How long a text is by the rules of the platform it is for. Writers are told beforehand; the platform decides."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_LINK = re.compile(
    r"(?<![\w@./-])(?:https?://[^\s<>\"]+|"
    r"(?:[a-z0-9-]+\.)+(?:com|org|net|info|eu|fr|be|ch|uk|ie|ca|us|de|es|it|nl|io|co|app|dev|example)\b(?:/[^\s<>\"]*)?)",
    re.IGNORECASE,
)
"""What a platform takes for a link: an address with its scheme, or a host of a common top-level domain."""

_AFTER = ".,;:!?)]}»…'’"
"""What may stand right behind a link without being of it."""

_LINK_WEIGHT = 23  # at X and at Mastodon
_X_LIGHT = ((0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
"""Characters that count one at X; all others count two (twitter-text, configuration v3)."""

_ZWJ, _KEYCAP = 0x200D, 0x20E3


@dataclass(frozen=True, kw_only=True)
class Length:
    """`count` of `most`. `soft`: some accounts or servers allow more."""

    count: int
    most: int
    soft: bool = False

    @property
    def fits(self) -> bool:
        """Whether it is not too long."""
        return self.count <= self.most


def length(source: str, text: str) -> Length | None:
    """The length of a post at a source; None where there is no limit (mail)."""
    if source == "x":
        return Length(count=at_x(text), most=280, soft=True)
    if source == "bluesky":
        return Length(count=graphemes(text), most=300)
    if source == "mastodon":
        rest, count = _without_links(text)
        return Length(count=graphemes(rest) + _LINK_WEIGHT * count, most=500, soft=True)
    return None


def links(text: str) -> list[tuple[int, int]]:
    """Where the links of a text begin and end."""
    return [(m.start(), m.start() + len(m[0].rstrip(_AFTER))) for m in _LINK.finditer(text)]


def at_x(text: str) -> int:
    """Characters as X counts them: a link is 23, an emoji and most scripts other than Latin two."""
    rest, count = _without_links(text)
    return _LINK_WEIGHT * count + sum(
        _weight(cluster) for cluster in _clusters(unicodedata.normalize("NFC", rest))
    )


def graphemes(text: str) -> int:
    """Characters as a reader counts them: combining marks, joined emoji and flags are one."""
    return len(_clusters(text))


def _without_links(text: str) -> tuple[str, int]:
    """The text around its links, and how many there are."""
    found = links(text)
    starts, ends = [0, *(end for _, end in found)], [*(start for start, _ in found), len(text)]
    return "".join(text[a:b] for a, b in zip(starts, ends, strict=True)), len(found)


def _weight(cluster: str) -> int:
    if len(cluster) > 1 and _is_emoji(cluster):
        return 2
    return sum(1 if any(low <= ord(c) <= high for low, high in _X_LIGHT) else 2 for c in cluster)


def _is_emoji(cluster: str) -> bool:
    return any(0x1F000 <= ord(c) <= 0x1FAFF or ord(c) in (_ZWJ, 0xFE0F, _KEYCAP) for c in cluster)


def _clusters(text: str) -> list[str]:
    """Grapheme clusters, near enough to Unicode's UAX 29 for what people write."""
    found: list[str] = []
    for char in text:
        if found and _joins(found[-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def _joins(before: str, char: str) -> bool:
    code, last = ord(char), ord(before[-1])
    if (before[-1], char) == ("\r", "\n"):
        return True
    if before[-1] in "\r\n" or char in "\r\n":
        return False
    if (
        code in (_ZWJ, _KEYCAP)
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
        or 0x1F3FB <= code <= 0x1F3FF
    ):
        return True
    if last == _ZWJ and code >= 0x2190:
        return True
    flags = sum(0x1F1E6 <= ord(c) <= 0x1F1FF for c in before)
    return 0x1F1E6 <= code <= 0x1F1FF and flags == len(before) == 1
