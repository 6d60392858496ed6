"""Who of those waiting gets an approved text, and who is left to a human: the rules of a fan-out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HUMAN_INTENTS = {
    "press": "the press is answered by a person",
    "legal": "a legal matter is answered by a person",
    "urgent_help": "somebody needs help at once",
}
SAFETY = "safety_injury"
POSTS = frozenset({"x", "bluesky", "mastodon"})
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.\- ]){0,39}")
_PLACE = re.compile(r"[ ,]*\{name\}")


@dataclass(frozen=True, kw_only=True)
class Text:
    """An approved text in one language: `long` for mail, `short` for posts. `{name}` becomes the person's name."""

    long: str = ""
    short: str = ""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A conversation that might be written to, as it stands now."""

    conversation_id: int
    source: str
    person: str
    name: str
    lang: str
    kind: str
    intents: frozenset[str]
    topics: frozenset[str]
    waits: bool = True
    replied: bool = False
    under_way: bool = False
    told: bool = False
    held: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A conversation of a fan-out: what it is sent, or why it is left to a human."""

    conversation_id: int
    person: str
    lang: str
    text: str = ""
    excluded: str | None = None


def left_to_a_human(one: Candidate, texts: Mapping[str, Text]) -> str | None:
    """Why an approved text is no answer to this conversation; None: it is one."""
    if not one.waits:
        return "answered or dismissed meanwhile"
    for intent, reason in HUMAN_INTENTS.items():
        if intent in one.intents:
            return reason
    reasons = (
        (SAFETY in one.topics, "somebody may be hurt"),
        (one.kind == "check", "a thank-you: look and close it"),
        (one.replied, "we answered before, and they wrote again"),
        (one.told, "has had a text of ours on this already"),
        (one.under_way, "a reply is on its way"),
        (one.held, "set aside: many messages from one sender"),
        (one.lang not in texts, f"no approved text in {one.lang or 'their language'}"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def text_for(one: Candidate, texts: Mapping[str, Text]) -> str:
    """The text in the person's language, for their channel, with their name if it is one; empty: there is none."""
    text = texts[one.lang]
    return addressed(text.short if one.source in POSTS else text.long, one.name)


def addressed(text: str, name: str) -> str:
    """`{name}` filled in; where the name is none that one would say ("user83921"), it goes with the comma before it."""
    name = " ".join(name.split())
    if _NAME.fullmatch(name):
        return text.replace("{name}", name)
    return _PLACE.sub("", text)


def choose(candidates: Iterable[Candidate], texts: Mapping[str, Text]) -> list[Recipient]:
    """Everybody once, by the conversation that comes first; the others with the reason."""
    found: list[Recipient] = []
    written: set[str] = set()
    for one in candidates:
        reason = left_to_a_human(one, texts)
        text = "" if reason else text_for(one, texts)
        if reason is None and not text.strip():
            reason = f"no {'short ' if one.source in POSTS else ''}text in {one.lang}"
        if reason is None and one.person in written:
            reason = "the same person is written to in another conversation"
        if reason is None:
            written.add(one.person)
        found.append(
            Recipient(
                conversation_id=one.conversation_id, person=one.person, lang=one.lang,
                text="" if reason else text, excluded=reason,
            )
        )  # fmt: skip
    return found
