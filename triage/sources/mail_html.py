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
MOST_TAGS = 10_000
"""In all HTML of a mail together: a long newsletter has three thousand; laying out so many takes 0.2 s."""
_QUOTE_AROUND = "gmail_quote"
"""The class of what stands around Gmail's quotations, forwarded mails and the answers between them."""
_HISTORY_CLASSES = frozenset({"yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra"})
_ATTRIBUTION_CLASS = "gmail_attr"
_HISTORY_IDS = ("divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container", "reply-intro")
_SIGNATURE_CLASSES = frozenset({"gmail_signature", "moz-signature", "protonmail_signature_block"})
_WORD = re.compile(r"\w")
_INVISIBLE = re.compile(r"<(script|style|head|title)\b|(<!--)", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def to_text(source: str, *, most_tags: int = MOST_TAGS) -> tuple[str, str]:
    """(the whole text, the text without quoted elements and marked signatures). Nothing raises.

    Of HTML with more tags, or nested too deep, the tags are dropped one by one, which is ten times faster.
    """
    source = source[:MOST_HTML_CHARACTERS]
    try:
        tree = _tree(source) if source.count("<") <= most_tags else None
        if tree is None or _too_deep(tree):
            raise ValueError("not to be laid out")
        whole = _render(tree)
        fresh = _render(tree) if _drop_history(tree) else whole
        return whole, fresh if _WORD.search(fresh) else whole
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


def _too_deep(tree: lxml.html.HtmlElement) -> bool:
    """Deeper than the recursion of the renderer goes."""
    depth = 0
    for event, _ in lxml.etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _MOST_DEPTH:
            return True
    return False


def _render(tree: lxml.html.HtmlElement) -> str:
    text: str = Inscriptis(tree, ParserConfig(display_links=False, display_images=False)).get_text()
    return "\n".join(line.strip() for line in text.splitlines())


def _drop_history(tree: lxml.html.HtmlElement) -> bool:
    """Take out quoted elements; True when there were any. A `>` stays where answers may stand between them."""
    found = [e for e in tree.iter() if isinstance(e.tag, str) and e is not tree and _is_history(e)]
    for element in found:
        if element.getparent() is None:
            continue
        if element.get("id") in _HISTORY_IDS:
            _drop_following(element)
        if element.tag == "blockquote":
            mark = lxml.html.Element("div")
            mark.text = ">"
            element.addprevious(mark)
        element.drop_tree()
    return bool(found)


def _is_history(element: lxml.html.HtmlElement) -> bool:
    names = frozenset((element.get("class") or "").split())
    if element.tag == "blockquote":
        cited = element.get("type") == "cite" or element.get("cite") is not None
        return cited or _QUOTE_AROUND in names or any(map(_is_around, element.iterancestors()))
    if _ATTRIBUTION_CLASS in names:
        return "----" not in (element.text or "")
    return bool(names & (_HISTORY_CLASSES | _SIGNATURE_CLASSES)) or element.get("id") in _HISTORY_IDS


def _is_around(element: lxml.html.HtmlElement) -> bool:
    return _QUOTE_AROUND in (element.get("class") or "").split()


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
