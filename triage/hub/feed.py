"""An Atom feed (RFC 4287)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_ATOM = "http://www.w3.org/2005/Atom"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One update; its address is its permanent name. `html` is safe already."""

    address: str
    title: str
    at: datetime
    by: str
    html: str
    lang: str


def feed(
    *,
    title: str,
    page: str,
    address: str,
    author: str,
    lang: str,
    entries: Sequence[Entry],
    updated: datetime,
) -> bytes:
    """The feed at `address` about `page`. Texts hold only characters that XML allows."""
    root = ET.Element("feed", {"xmlns": _ATOM, _LANG: lang})
    _put(root, "id", address)
    _put(root, "title", title)
    _put(root, "updated", _iso(updated))
    ET.SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": address})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": page})
    _put(ET.SubElement(root, "author"), "name", author)
    for entry in entries:
        node = ET.SubElement(root, "entry", {_LANG: entry.lang})
        _put(node, "id", entry.address)
        _put(node, "title", entry.title)
        _put(node, "updated", _iso(entry.at))
        _put(node, "published", _iso(entry.at))
        _put(ET.SubElement(node, "author"), "name", entry.by)
        ET.SubElement(node, "link", {"rel": "alternate", "type": "text/html", "href": entry.address})
        _put(node, "content", entry.html).set("type", "html")
    ET.indent(root)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _put(parent: ET.Element, name: str, text: str) -> ET.Element:
    node = ET.SubElement(parent, name)
    node.text = text
    return node


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
