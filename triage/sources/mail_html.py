"""HTML mail to text, and the same without the history that mail programs wrap in their own elements."""

from __future__ import annotations

import html
import re

import lxml.etree
import lxml.html
from inscriptis import Inscriptis
from inscriptis.model.config import ParserConfig

MOST_HTML_CHARACTERS = 500_000
_MOST_DEPTH = 150
_MOST_ELEMENTS = 10_000
_HISTORY_CLASSES = (
    "gmail_quote",
    "gmail_extra",
    "yahoo_quoted",
    "moz-cite-prefix",
    "protonmail_quote",
    "zmail_extra",
)
_HISTORY_IDS = ("divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container", "reply-intro")
_SIGNATURE_CLASSES = ("gmail_signature", "moz-signature", "protonmail_signature_block")
_INVISIBLE = re.compile(r"<(script|style|head|title)\b|(<!--)", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def to_text(source: str) -> tuple[str, str]:
    """(the whole text, the text without quoted elements and marked signatures). Nothing raises."""
    source = source[:MOST_HTML_CHARACTERS]
    try:
        tree = _tree(source)
        if tree is None or _too_big(tree):
            raise ValueError("too big")
        whole = _render(tree)
        return whole, _render(tree) if _drop_history(tree) else whole
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        lxml.etree.LxmlError,
    ):
        plain = _plain(source)
        return plain, plain


def _tree(source: str) -> lxml.html.HtmlElement | None:
    if not source.strip():
        return None
    without_declaration = re.sub(r"^\s*<\?xml[^>]*\?>", "", source)
    return lxml.html.fromstring(
        without_declaration, parser=lxml.html.HTMLParser(remove_comments=True, remove_pis=True)
    )


def _too_big(tree: lxml.html.HtmlElement) -> bool:
    """More than rendering can do in a fraction of a second, or deeper than its recursion goes."""
    depth = 0
    for count, (event, _) in enumerate(lxml.etree.iterwalk(tree, events=("start", "end"))):
        depth += 1 if event == "start" else -1
        if depth > _MOST_DEPTH or count > 2 * _MOST_ELEMENTS:
            return True
    return False


def _render(tree: lxml.html.HtmlElement) -> str:
    text: str = Inscriptis(tree, ParserConfig(display_links=False, display_images=False)).get_text()
    return text


def _drop_history(tree: lxml.html.HtmlElement) -> bool:
    """Take out quoted elements; True when there were any."""
    found = [e for e in tree.iter() if isinstance(e.tag, str) and e is not tree and _is_history(e)]
    for element in found:
        if element.getparent() is None:
            continue
        if element.get("id") in _HISTORY_IDS:
            _drop_following(element)
        element.drop_tree()
    return bool(found)


def _is_history(element: lxml.html.HtmlElement) -> bool:
    names = (element.get("class") or "").split()
    marked = any(
        n in _HISTORY_CLASSES or n in _SIGNATURE_CLASSES or n.startswith("gmail_quote") for n in names
    )
    cited = element.tag == "blockquote" and (element.get("type") == "cite" or element.get("cite") is not None)
    return marked or cited or element.get("id") in _HISTORY_IDS


def _drop_following(element: lxml.html.HtmlElement) -> None:
    """Outlook marks only the header of the history: everything after it belongs to the history."""
    for sibling in list(element.itersiblings()):
        sibling.drop_tree()


def _plain(source: str) -> str:
    """Tags dropped one by one: for trees that are too deep or broken to render."""
    text = _TAG.sub(" ", _BREAK.sub("\n", _without_invisible(source)))
    return "\n".join(" ".join(line.split()) for line in html.unescape(text).splitlines())


def _without_invisible(source: str) -> str:
    lower = source.lower()
    kept: list[str] = []
    position = 0
    while found := _INVISIBLE.search(source, position):
        kept.append(source[position : found.start()])
        end = "-->" if found[2] else f"</{found[1].lower()}"
        close = lower.find(end, found.end())
        position = lower.find(">", close) + 1 if close >= 0 else 0
        if not position:
            return " ".join(kept)
    return " ".join([*kept, source[position:]])
