"""The hub as files: valid, deterministic, in both languages, and safe whatever the text."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import html5lib
import pytest

from tests.builders import START
from tests.hub.site_kit import CLOSED, OPEN, SITE, later, questions
from tests.plugins.page_kit import PAYLOADS
from triage import hub
from triage.core.errors import ConfigError

FILES = hub.render(SITE)
PAGES = [path for path in FILES if path.endswith(".html")]
FEEDS = [path for path in FILES if path.endswith(".xml")]
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def tree(content: bytes) -> ET.Element:
    """The page as HTML5 says it is to be read; a parse error fails."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(content.decode())


def told(node: ET.Element) -> str:
    return " ".join("".join(node.itertext()).split())


def with_texts(text: str) -> hub.Case:
    """The open case with this text wherever a person can write one."""
    return replace(
        OPEN,
        titles={"en": text, "fr": text},
        happened={"en": text},
        help={"en": (text,), "fr": (text,)},
        statements=(hub.Update(at=START, texts={"en": text}, by={"en": text}),),
        updates=(later(5, text, text),),
        questions=tuple(replace(q, question=text, answer=text) for q in questions()),
    )


def test_the_files() -> None:
    assert list(FILES) == [
        "product-defect-7/en.html", "product-defect-7/en.xml", "product-defect-7/fr.html", "product-defect-7/fr.xml",
        "delivery-3/en.html", "delivery-3/en.xml", "delivery-3/fr.html", "delivery-3/fr.xml",
        "en.xml", "fr.xml", "index.html",
    ]  # fmt: skip
    assert max(len(content) for content in FILES.values()) < 15_000


def test_the_same_site_gives_the_same_bytes() -> None:
    assert hub.render(SITE) == FILES
    assert hub.render(replace(SITE, cases=(OPEN, CLOSED))) == FILES


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_valid_and_needs_nothing_else(path: str) -> None:
    root = tree(FILES[path])
    body = FILES[path].decode()
    assert root.find("./head/title") is not None
    assert not list(root.iter("script"))
    assert re.findall(r"\s(?:src|on\w+|style)=|url\(|@import|javascript:", body) == []
    ids = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    levels = [int(node.tag[1]) for node in root.iter() if re.fullmatch(r"h[1-6]", str(node.tag))]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [a for a in root.iter("a") if not told(a)] == []
    inside = [str(a.get("href")) for a in root.iter("a") if "://" not in str(a.get("href"))]
    folder = path.rpartition("/")[0]
    for link in inside:
        if link.startswith("#"):
            assert link[1:] in ids
        elif not link.startswith("mailto:"):
            there = link[3:] if link.startswith("../") else f"{folder}/{link}".lstrip("/")
            assert there in FILES, link


@pytest.mark.parametrize("path", PAGES)
def test_its_policy_allows_its_own_style_and_nothing_else(path: str) -> None:
    root = tree(FILES[path])
    (policy,) = [m.get("content", "") for m in root.iter("meta") if m.get("http-equiv")]
    (style,) = root.iter("style")
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize(("lang", "sold"), [("en", "Sales have stopped."), ("fr", "La vente est suspendue.")])
def test_an_incident_in_each_language(lang: str, sold: str) -> None:
    root = tree(FILES[f"product-defect-7/{lang}.html"])
    text = told(root)
    assert root.get("lang") == lang
    latest = next(node for node in root.iter("section") if node.get("class") == "latest")
    words = {
        "en": ("Please stop using your Duo 7.", "at 10:15 CET · Head of Quality", "Where to get help",
               "Earlier statement"),
        "fr": ("N’utilisez plus votre Duo 7.", "à 10 h 15 CET · Direction de la qualité", "Où trouver de l’aide",
               "Déclaration précédente"),
    }[lang]  # fmt: skip
    assert words[0] in told(latest)
    assert words[1] in told(latest)
    assert words[2] in text
    assert words[3] in text
    assert sold in text
    assert text.index(words[0]) < text.index(sold)
    assert "built-in" not in text
    asked = [told(node) for node in root.iter("h3")][:6]
    assert asked == [
        " ".join(q.question.split()) for q in sorted(OPEN.questions, key=lambda q: -q.asked) if q.lang == lang
    ]
    assert {m.get("property"): m.get("content") for m in root.iter("meta")}["og:url"].endswith(
        f"/{lang}.html"
    )


def test_only_what_somebody_approved_is_shown() -> None:
    case = replace(OPEN, questions=questions(approved_by=""))
    body = hub.render(replace(SITE, cases=(case,)))["product-defect-7/en.html"].decode()
    assert "Questions and answers" not in body
    assert "Will I get my money back?" not in body
    unanswered = tuple(replace(q, answer="  ") for q in questions())
    body = hub.render(replace(SITE, cases=(replace(OPEN, questions=unanswered),)))[
        "product-defect-7/en.html"
    ].decode()
    assert "Will I get my money back?" not in body


def test_what_is_not_translated_says_so() -> None:
    root = tree(FILES["delivery-3/fr.html"])
    said = next(node for node in root.iter("div") if node.get("lang") == "en")
    assert told(said) == "Ce texte n’existe qu’en anglais pour l’instant. All parcels are found."
    assert "untranslated" not in FILES["delivery-3/en.html"].decode()
    assert "available in French" not in FILES["delivery-3/en.html"].decode()


def test_the_index_has_what_goes_on_first_in_both_languages() -> None:
    root = tree(FILES["index.html"])
    sections = {node.get("lang"): told(node) for node in root.iter("section")}
    assert sections["en"].index("Duo 7") < sections["en"].index("Late parcels in October")
    assert "Please stop using your Duo 7." in sections["en"]
    assert "N’utilisez plus votre Duo 7." in sections["fr"]
    nothing = tree(hub.render(replace(SITE, cases=()))["index.html"])
    assert "There is nothing to report at the moment." in told(nothing)
    assert "Il n’y a rien à signaler pour le moment." in told(nothing)


def test_an_incident_of_which_nothing_is_known_yet() -> None:
    bare = hub.Case(slug="new", titles={"en": "New", "fr": "Nouveau"}, began_at=START)
    files = hub.render(replace(SITE, cases=(bare,)))
    assert "Ongoing since" in told(tree(files["new/en.html"]))
    assert ET.fromstring(files["new/en.xml"]).findall("a:entry", ATOM) == []


def atom_faults(content: bytes) -> Iterator[str]:
    """What RFC 4287 asks of a feed and this one lacks."""
    root = ET.fromstring(content)
    if root.tag != "{http://www.w3.org/2005/Atom}feed":
        yield "no feed"
    for node in [root, *root.findall("a:entry", ATOM)]:
        for name in ("id", "title", "updated"):
            if len(node.findall(f"a:{name}", ATOM)) != 1:
                yield f"{name} is not there once"
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node.findtext("a:updated", "", ATOM)):
            yield "updated is no RFC 3339 time"
        if not node.findtext("a:author/a:name", "", ATOM):
            yield "no author"
    ids = [node.text for node in root.findall("a:entry/a:id", ATOM)]
    if len(ids) != len(set(ids)):
        yield "an id is there twice"
    links = [link.get("rel") for link in root.findall("a:link", ATOM)]
    if sorted(map(str, links)) != ["alternate", "self"]:
        yield "links"


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_is_atom_and_leads_to_its_entries(path: str) -> None:
    assert list(atom_faults(FILES[path])) == []
    for entry in ET.fromstring(FILES[path]).findall("a:entry", ATOM):
        link = entry.find("a:link", ATOM)
        assert link is not None
        page, _, anchor = str(link.get("href")).removeprefix(SITE.address).partition("#")
        assert any(node.get("id") == anchor for node in tree(FILES[page]).iter())


def test_a_feed_is_newest_first_and_ends_somewhere() -> None:
    many = replace(OPEN, updates=tuple(later(n, f"Update {n}", "…") for n in range(80)))
    entries = ET.fromstring(hub.render(replace(SITE, cases=(many,)))["en.xml"]).findall("a:entry", ATOM)
    times = [entry.findtext("a:updated", "", ATOM) for entry in entries]
    assert times == sorted(times, reverse=True)
    assert len(times) == 50


@pytest.mark.parametrize(
    "text", [*PAYLOADS, "bad \x00\x0b\x1f\ud800\ufffe\u202e bytes", "{{ 7*7 }} {% raw %}"]
)
def test_hostile_text_stays_text(text: str) -> None:
    files = hub.render(replace(SITE, brand=text, cases=(with_texts(text),)))
    for path, content in files.items():
        content.decode("utf-8")
        if path.endswith(".xml"):
            assert list(atom_faults(content)) in ([], ["no author"] * 2)
            continue
        root = tree(content)
        assert {str(node.tag) for node in root.iter()} <= {
            "html", "head", "meta", "title", "link", "style", "body", "header", "nav", "main", "section", "footer", "a",
            "span", "p", "h1", "h2", "h3", "h4", "ul", "ol", "li", "div", "strong", "time",
        }  # fmt: skip
        links = [str(a.get("href")) for a in root.iter("a")]
        assert [link for link in links if not re.match(r"https?://|mailto:|\.\./|#|[\w-]+[./]", link)] == []
        assert not any(name.startswith("on") for node in root.iter() for name in node.attrib)
        assert "49" not in told(root) or "49" in text


def test_addresses_in_texts_are_links() -> None:
    text = "See https://volmera.example/duo7. Write to care@volmera.example! (https://a.example/x?y=1&z=2)"
    case = replace(OPEN, statements=(later(1, text, text),))
    root = tree(hub.render(replace(SITE, cases=(case,)))["product-defect-7/en.html"])
    latest = next(node for node in root.iter("section") if node.get("class") == "latest")
    assert [(a.get("href"), a.text) for a in latest.iter("a")] == [
        ("https://volmera.example/duo7", "https://volmera.example/duo7"),
        ("mailto:care@volmera.example", "care@volmera.example"),
        ("https://a.example/x?y=1&z=2", "https://a.example/x?y=1&z=2"),
    ]


@pytest.mark.parametrize("slug", ["../up", "Up", "", "a/b", "a--b", "delivery-3"])
def test_an_address_that_is_none_is_refused(slug: str) -> None:
    with pytest.raises(ConfigError, match="no address of an incident"):
        hub.render(replace(SITE, cases=(CLOSED, replace(OPEN, slug=slug))))


def test_a_page_says_when_it_last_said_something_new() -> None:
    newer = replace(OPEN.questions[0], approved_at=START + timedelta(hours=5))
    case = replace(OPEN, questions=(newer, *OPEN.questions[1:]))
    body = hub.render(replace(SITE, cases=(case,)))["product-defect-7/en.html"].decode()
    assert 'property="article:modified_time" content="2026-11-20T13:00:00Z"' in body
