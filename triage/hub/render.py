"""The site as files: the same site gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from triage.core import tongue
from triage.core.errors import ConfigError
from triage.hub.feed import Entry, feed
from triage.hub.text import clean, linked, paragraphs, short
from triage.hub.types import LANGUAGES, Case, Question, Site, Texts, Update

_HERE = Path(__file__).parent
_LOCALES = {"en": "en_GB", "fr": "fr_FR"}
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_IN_FEED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    """A case as the index shows it in one language."""

    case: Case
    lang: str
    title: str
    modified: datetime
    summary: str
    spoken: str


def render(site: Site) -> dict[str, bytes]:
    """Path to content, the index last. Raises ConfigError for a slug that is no safe folder name, or is used twice."""
    slugs = [case.slug for case in site.cases]
    for slug in slugs:
        if not _SLUG.fullmatch(slug) or slugs.count(slug) > 1:
            raise ConfigError(
                f"hub: {slug!r} is no address of an incident; use small letters, digits, hyphens, once"
            )
    cases = sorted(site.cases, key=lambda case: (case.began_at, case.slug), reverse=True)
    made: dict[str, bytes] = {}
    for case in cases:
        for lang in LANGUAGES:
            made[f"{case.slug}/{lang}.html"] = _case(site, case, lang)
            made[f"{case.slug}/{lang}.xml"] = _feed(site, (case,), lang)
    for lang in LANGUAGES:
        made[f"{lang}.xml"] = _feed(site, cases, lang)
    made["index.html"] = _index(site, cases)
    return made


def spoken(texts: Texts, lang: str) -> str:
    """The language that a text is shown in: the one asked for if it is there, else the other."""
    return lang if texts.get(lang) or not any(texts.values()) else next(code for code in texts if texts[code])


def in_words(texts: Texts, lang: str) -> str:
    """The text in that language, else in the other; empty if there is none."""
    return clean(texts.get(spoken(texts, lang), ""))


def _case(site: Site, case: Case, lang: str) -> bytes:
    history = _history(case, lang)
    latest = next((entry for entry in history if entry["statement"]), None)
    title = in_words(case.titles, lang)
    return _page(
        "case.html",
        site=site, case=case, lang=lang, title=title, url=f"{site.address}{case.slug}/{lang}.html",
        summary=short(in_words(latest["texts"], lang) if latest else title),
        modified=_modified(case, lang), latest=latest, earlier=[entry for entry in history if entry is not latest],
        help=case.help.get(lang, ()), questions=_published(case, lang),
    )  # fmt: skip


def _history(case: Case, lang: str) -> list[dict[str, Any]]:
    """Statements and updates, newest first."""
    kinds = [(update, True) for update in case.statements] + [(update, False) for update in case.updates]
    return [
        {"at": update.at, "texts": update.texts, "by": in_words(update.by, lang), "statement": statement,
         "anchor": _anchor(update, statement)}
        for update, statement in sorted(kinds, key=lambda pair: pair[0].at, reverse=True)
    ]  # fmt: skip


def _anchor(update: Update, statement: bool) -> str:
    return f"{'s' if statement else 'u'}{update.at.astimezone(UTC):%Y%m%d-%H%M%S-%f}"


def _published(case: Case, lang: str) -> list[Question]:
    """Approved questions of that language, the most asked first."""
    ready = [
        q
        for q in case.questions
        if q.lang == lang and q.approved_by and q.question.strip() and q.answer.strip()
    ]
    return sorted(ready, key=lambda question: -question.asked)


def _modified(case: Case, lang: str) -> datetime:
    """When the page in that language last said something new."""
    times = [update.at for update in (*case.statements, *case.updates)]
    times += [q.approved_at for q in _published(case, lang) if q.approved_at]
    return max([case.began_at, *times, *([case.closed_at] if case.closed_at else [])])


def _index(site: Site, cases: list[Case]) -> bytes:
    columns = []
    for lang in LANGUAGES:
        items = [_item(case, lang) for case in cases]
        columns.append(
            (lang, [i for i in items if not i.case.closed_at], [i for i in items if i.case.closed_at])
        )
    titles = [in_words(case.titles, lang) for lang in LANGUAGES for case in cases if not case.closed_at]
    words = _words()
    summary = short(" · ".join(titles) or " ".join(words[lang].nothing for lang in LANGUAGES))
    return _page("index.html", site=site, lang=LANGUAGES[0], columns=columns, summary=summary)


def _item(case: Case, lang: str) -> _Item:
    latest = max(case.statements, key=lambda update: update.at, default=None)
    said = latest.texts if latest else {}
    return _Item(
        case=case, lang=lang, title=in_words(case.titles, lang), modified=_modified(case, lang),
        summary=short(in_words(said, lang), 300), spoken=spoken(said, lang),
    )  # fmt: skip


def _feed(site: Site, cases: list[Case] | tuple[Case, ...], lang: str) -> bytes:
    entries = [
        Entry(
            address=f"{site.address}{case.slug}/{lang}.html#{entry['anchor']}",
            title=f"{in_words(case.titles, lang)}, {tongue.moment(entry['at'], lang, site.zone)}",
            at=entry["at"],
            by=entry["by"] or clean(site.brand),
            html=str(paragraphs(in_words(entry["texts"], lang))),
            lang=spoken(entry["texts"], lang),
        )
        for case in cases
        for entry in _history(case, lang)
    ]
    entries = sorted(entries, key=lambda entry: (entry.at, entry.address), reverse=True)[:_IN_FEED]
    alone = cases[0] if isinstance(cases, tuple) else None
    page = f"{site.address}{alone.slug}/{lang}.html" if alone else site.address
    about = in_words(alone.titles, lang) if alone else _words()[lang].index_title
    return feed(
        title=f"{clean(site.brand)} · {about}",
        page=page,
        address=f"{site.address}{alone.slug + '/' if alone else ''}{lang}.xml",
        author=clean(site.brand),
        lang=lang,
        entries=entries,
        updated=max((_modified(case, lang) for case in cases), default=datetime(1970, 1, 1, tzinfo=UTC)),
    )


def _page(name: str, *, site: Site, lang: str, **given: Any) -> bytes:
    words, style = _words(), _style()
    text = _environment().get_template(name).render(
        site=site, lang=lang, w=words[lang], words=words, languages=LANGUAGES, locale=_LOCALES,
        style=Markup(style), style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        **given,
    )  # fmt: skip
    return re.sub(r"\n{2,}", "\n", text).encode()


@cache
def _words() -> Mapping[str, SimpleNamespace]:
    """Language to what the site says in it, as attributes: a dict's own methods would hide words such as `update`."""
    read = tomllib.loads((_HERE / "words.toml").read_text(encoding="utf-8"))
    return {lang: SimpleNamespace(**words) for lang, words in read.items()}


@cache
def _style() -> str:
    return (_HERE / "templates" / "style.css").read_text(encoding="utf-8").strip()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "clean": clean, "linked": linked, "paragraphs": paragraphs, "spoken": spoken, "iso": _iso, "moment": _moment,
    }  # fmt: skip
    return made


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@pass_context
def _moment(context: Context, at: datetime, lang: str = "") -> Markup:
    """The moment for readers and for machines."""
    said = tongue.moment(at, lang or context["lang"], context["site"].zone)
    return Markup('<time datetime="{}">{}</time>').format(_iso(at), said)
