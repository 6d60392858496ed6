"""Did a machine write this mail? RFC 3834, RFC 2919 (lists), RFC 3464 (bounces) and the older habits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Get = Callable[[str], str]
"""A header's first value as text, empty when it is absent."""

_ROBOTS = re.compile(r"(mailer-daemon|postmaster)@", re.IGNORECASE)
_LIST_HEADERS = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post")
_AUTOREPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder")
_BULK = frozenset({"bulk", "list", "junk"})
_NO = frozenset({"", "no", "0", "false"})


def automatic_reason(
    get: Get, *, author: str, content_type: str, has_empty_return_path: bool, own: Sequence[str] = ()
) -> str:
    """The header that shows a machine wrote it, as `Name: value`, or empty.

    `own` are our addresses: when one of them is a mailing list of ours (a group that forwards customers'
    mail to a team), its list headers say nothing about who wrote.
    """
    submitted = _word(get("Auto-Submitted"))
    if submitted not in _NO:
        return f"Auto-Submitted: {submitted}"
    if content_type == "multipart/report":
        return "Content-Type: multipart/report"
    if get("X-Failed-Recipients"):
        return "X-Failed-Recipients"
    if has_empty_return_path:
        return "Return-Path: <>"
    if _ROBOTS.match(author):
        return f"From: {author.split('@')[0]}"
    for name in _AUTOREPLY_HEADERS:
        if _word(get(name)) not in _NO:
            return name
    precedence = _word(get("Precedence"))
    if precedence == "auto_reply":
        return "Precedence: auto_reply"
    if _is_own_list(get("List-Id"), own):
        return ""
    if precedence in _BULK:
        return f"Precedence: {precedence}"
    return next((name for name in _LIST_HEADERS if get(name)), "")


def _word(value: str) -> str:
    """The value without parameters and comments: `auto-replied; owner=x` is `auto-replied`."""
    return re.split(r"[;(\s]", value.strip(), maxsplit=1)[0].lower()[:40]


def _is_own_list(list_id: str, own: Sequence[str]) -> bool:
    """RFC 2919: the id in angle brackets of list care@example.com is care.example.com."""
    found = re.search(r"<([^<>]{1,250})>", list_id)
    return found is not None and found[1].strip().lower() in {a.lower().replace("@", ".") for a in own}
