"""Plain text as safe HTML."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_INVISIBLE = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""What XML forbids, control characters, and marks that turn the direction of writing."""

_LINK = re.compile(r"https?://[^\s<>\"'’»]*[^\s<>\"'’».,;:!?)\]}]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def clean(text: str) -> str:
    """Only characters that a page and a feed may hold."""
    return _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def paragraphs(text: str) -> Markup:
    """Paragraphs, with web and mail addresses as links; everything else is escaped."""
    parts = [part for part in re.split(r"\n\s*\n", clean(text).strip()) if part]
    return Markup("\n").join(Markup("<p>{}</p>").format(linked(part)) for part in parts)


def linked(text: str) -> Markup:
    """One run of text with its addresses as links."""
    text = clean(text)
    made, end = Markup(), 0
    for match in _LINK.finditer(text):
        address = match[0] if "://" in match[0] else f"mailto:{match[0]}"
        made += escape(text[end : match.start()]) + Markup('<a href="{}">{}</a>').format(address, match[0])
        end = match.end()
    return made + escape(text[end:])


def short(text: str, most: int = 200) -> str:
    """The beginning of a text on one line, cut between words."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else line[: line.rfind(" ", 0, most)] + " …"
