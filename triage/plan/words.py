"""The texts of a plan as words: typography, lengths, times, and the facts put in."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from triage.config import Triage
from triage.core import tongue
from triage.core.length import length
from triage.core.tongue import NARROW, clock
from triage.plan.types import LANGUAGES, Facts, Plan, Question

PLACEHOLDERS = ("brand", "what", "when", "next_update", "hub", "mail", "source")

_NETWORKS = ("x", "bluesky", "mastodon")
_WIDE = "\u00a0"


def typeset(text: str, lang: str) -> str:
    """Curved apostrophes; in French the spaces that must not break, narrow before ; ! ? and wide elsewhere."""
    text = re.sub(r"(?<=\w)'(?=[\w{«])", "’", text)
    if lang == "fr":
        text = re.sub(r" (?=[;!?])", NARROW, text)
        text = re.sub(r" (?=[:»])|(?<=«) |(?<=\d) (?=\w)|(?<=\d h) (?=\d)", _WIDE, text)
    return text


def too_long(text: str) -> str:
    """The first social network for which a post of this text is too long, with the figures; empty if it fits all."""
    for source in _NETWORKS:
        found = length(source, text)
        if found and not found.fits:
            return f"{found.count} characters, {source} takes {found.most}"
    return ""


def moment(at: datetime, lang: str, zone: str) -> str:
    """A moment for a reader, with the spaces that must not break."""
    return typeset(tongue.moment(at, lang, zone), lang)


def signature(plan: Plan, lang: str) -> str:
    """The named source: name and function, or the function alone until the plan names somebody."""
    return ", ".join(part for part in (plan.name, plan.function[lang]) if part)


def facts_of(settings: Triage, *, began_at: datetime, next_update_at: datetime) -> Facts:
    """What triage.yaml knows of the facts: the brand, where people write to us, and in which zone the team lives."""
    mailboxes = [account for account in settings.accounts if account.source == "gmail"]
    return Facts(
        brand=settings.brand,
        mail=(mailboxes or settings.accounts)[0].addresses[0],
        began_at=began_at,
        next_update_at=next_update_at,
        zone=settings.hours.zone if settings.hours else "UTC",
    )


def fill(plan: Plan, facts: Facts) -> Plan:
    """The same plan with the facts in place of its placeholders."""
    values = {lang: values_of(plan, facts, lang) for lang in LANGUAGES}

    def put(texts: Mapping[str, str]) -> dict[str, str]:
        return {lang: _put(text, values[lang]) for lang, text in texts.items()}

    return replace(
        plan,
        statements=put(plan.statements),
        posts=put(plan.posts),
        replies=put(plan.replies),
        short_replies=put(plan.short_replies),
        help={lang: tuple(_put(line, values[lang]) for line in lines) for lang, lines in plan.help.items()},
        avoid=tuple(_put(line, values["en"]) for line in plan.avoid),
        duties=tuple(_put(line, values["en"]) for line in plan.duties),
        questions=tuple(
            Question(q.lang, _put(q.question, values[q.lang]), _put(q.answer, values[q.lang]))
            for q in plan.questions
        ),
    )


def values_of(plan: Plan, facts: Facts, lang: str) -> dict[str, str]:
    """Placeholder to what stands for it in this language."""
    return {
        "brand": facts.brand,
        "what": plan.what[lang],
        "when": moment(facts.began_at, lang, facts.zone),
        "next_update": _next(facts, lang),
        "hub": plan.hub,
        "mail": facts.mail,
        "source": signature(plan, lang),
    }


def fields(text: str) -> list[str]:
    """The placeholders in a text, in order. Raises ValueError where a brace is not closed or not opened."""
    found = []
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is not None:
            if form or conversion or not re.fullmatch(r"\w+", name):
                raise ValueError(f"{{{name}}} is more than a name")
            found.append(name)
    return found


def _put(text: str, values: Mapping[str, str]) -> str:
    """Formatted once: braces in what is put in stay as they are."""
    return text.format_map(values)


def _next(facts: Facts, lang: str) -> str:
    """The time alone while that leaves no doubt about the day."""
    if facts.next_update_at - facts.began_at < timedelta(hours=20):
        local = facts.next_update_at.astimezone(ZoneInfo(facts.zone))
        return typeset(f"{clock(local, lang)} {local:%Z}", lang)
    return moment(facts.next_update_at, lang, facts.zone)
