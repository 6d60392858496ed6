"""An invitation (RFC 5545) to the text that a person would read: what, where, when, why."""

from __future__ import annotations

import re

_SHOWN = ("SUMMARY", "LOCATION", "DTSTART", "DESCRIPTION")
_LINE = re.compile(rf"^({'|'.join(_SHOWN)})(?:;[^:\n]{{0,500}})?:(.*)$", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\([nN,;\\])")


def to_text(calendar: str) -> str:
    """Summary, place, start and description of the first event, one below the other; may be empty."""
    event = _FOLD.sub("", calendar).replace("\r", "").partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    found = {name.upper(): value.strip() for name, value in reversed(_LINE.findall(event))}
    return "\n".join(_unescape(found[name]) for name in _SHOWN if found.get(name))


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda sign: "\n" if sign[1] in "nN" else sign[1], value)
